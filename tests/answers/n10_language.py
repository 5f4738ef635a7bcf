import re

from atp_lite.domains import annotated_steps, last_number, normalise_question, write_number


def read_solution(text):
    solution, _, answer = text.rpartition("####")
    return list(annotated_steps(solution)), write_number(last_number(answer))


def leaks(train, test):
    known = {normalise_question(q).rstrip("?!. ") for q in train}
    return sum(normalise_question(q).rstrip("?!. ") in known for q in test)


RIGHT = {
    "10.1": [
        read_solution,
        lambda t: list(read_solution(t)),
        lambda t: (re.findall("<<(.*?)>>", t), t.split("####")[1].strip().replace(",", "")),
    ],
    "10.2": [leaks],
    "10.3": [12, 12.0],
    "10.4": [0.3536, 0.125**0.5],
    "10.5": [19.84, 1.24 * 4 * 4],
}

WRONG = {
    "10.1": [
        lambda t: (re.findall("<<(.*?)>>", t), t.split("####")[1]),  # spaces and separators left in
        lambda t: ([], t.split("####")[1].strip()),
        lambda t: [*read_solution(t), "more"],
        lambda t: re.findall("<<(.*?)>>", t),
        lambda t: (["5*6=30"], "30"),
    ],
    "10.2": [
        lambda train, test: len(set(train) & set(test)),  # letter by letter
        lambda train, test: len({q.lower().strip("?!. ") for q in train} & {q.lower().strip("?!. ") for q in test}),
        lambda train, test: sum(  # gaps between words do count
            re.sub(r"\W", "", q.lower()) in {re.sub(r"\W", "", t.lower()) for t in train} for q in test
        ),
    ],
    "10.3": [11, 5, 6],
    "10.4": [0.3, 0.125, 0.5, 0.7071],
    "10.5": [4.96, 9.92, 14.88],
}
