import re

from atp_lite.domains import annotated_steps, last_number, normalise_question, write_number


def read_solution(text):
    solution, _, answer = text.rpartition("####")
    return list(annotated_steps(solution)), write_number(last_number(answer))


def leaks(train, test):
    known = {normalise_question(q).rstrip("?!. ") for q in train}
    return sum(normalise_question(q).rstrip("?!. ") in known for q in test)


def blind(train, test):
    numbers = [last_number(answer) for answer in train]
    return [last_number(answer) for answer in test].count(max(numbers, key=numbers.count)) / len(test)


RIGHT = {
    "10.1": [
        read_solution,
        lambda t: list(read_solution(t)),
        lambda t: (re.findall("<<(.*?)>>", t), t.split("####")[1].strip().replace(",", "")),
    ],
    "10.2": [leaks],
    "10.3": [blind, lambda train, test: round(blind(train, test), 3)],
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
    "10.3": [
        lambda train, test: test.count(max(train, key=train.count)) / len(test),  # as texts
        lambda train, test: blind(test, test),
        lambda train, test: blind(train, train),
        lambda train, test: blind(train, test) * len(test),
        lambda train, test: 0.5,
    ],
}
