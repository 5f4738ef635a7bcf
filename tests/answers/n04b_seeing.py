import math

RIGHT = {
    "04b.1": [math.log(4) - 0.25, 1.1363],
    "04b.2": ["2+3=5", "9-4=5", "5*1=5"],
    "04b.3": [[0, math.sqrt(1.01)], (0.0, 1.005)],
}

WRONG = {
    "04b.1": [
        2.2726,  # not halved
        math.log(2) - 0.25,  # log sigma in the place of log sigma^2
        4.5 - math.log(4),  # p and q exchanged
        0.5681,  # the mean over dimensions
        "one",
    ],
    "04b.2": ["3+4=7", "2+3=6", "5", "1+1+3=5", "7*5=35", 5],
    "04b.3": [
        [0, 0.1],  # as wide as each
        [0, 1.01],  # the variance
        [-1, 0.1],  # one of the two
        [0, 1.1],  # widths added up
        0.0,
    ],
}
