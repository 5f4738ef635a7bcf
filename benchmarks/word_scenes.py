"""Word problems composed from an opening, events and a question, with many nouns, verbs and numbers: for training only.

    Nora picked 45 pears. If she kept 9 and put 4 into each basket, how many baskets did she fill?   45-9=36   36/4=9

One to four steps of the kinds that grade-school sets ask for: sums and differences of two amounts, equal groups, rates,
comparisons, what is still missing, and a number that is not needed. Unlike stories they are not read back: a
template says which operation it stands for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from atp_lite.domains import Problem

HE = (
    "Tom Ben Sam Leo Omar Jack Adam Carl David Eric Felix George Hugo Ivan James Kevin Luis Mark Noah Oscar Paul"
    " Peter Ravi Robert Simon Tim Victor Will Yusuf Zack Jerry Frank Henry Mike John Luke Edward Bryan"
)
SHE = (
    "Anna Mia Lily Sara Ella Nina Alice Beth Clara Dana Emma Fiona Grace Hanna Iris Julia Kate Lena Maria Nora"
    " Olivia Paula Rosa Sofia Tina Uma Vera Wendy Zoe Amy Rachel Megan Emily Nancy Gwen Kim Haley Robin"
)
OTHERS = "a friend;a neighbor;the teacher;a cousin"
KIN = "brother;sister;mother;father;friend;uncle;aunt;grandmother"
DAYS = (
    "on Monday/on Tuesday;on Saturday/on Sunday;in the morning/in the afternoon;yesterday/today;last week/this week"
    ";in May/in June;before lunch/after lunch"
)
SPANS = "day/days;week/weeks;hour/hours;month/months"
IRRELEVANT = (
    "{who} is {n} years old;It took {him} {n} minutes to get there;{his} {kin} has {n} {else_}"
    ";{who} lives {n} miles away;There were {n} {else_} too;{he} also had {n} {else_};{his} {kin} is {n} years old"
)
ELSE = "hats;chairs;balls;pencils;coins;spoons;kites;boxes;lamps;cups;keys;ropes"


@dataclass(frozen=True)
class Things:
    """Nouns of one sort, and what can happen to them. Alternatives are parted by semicolons; {n} is a number."""

    names: str
    """Plural, or plural with the words that follow the number's noun: `shirts|to wash`."""
    had: str = "{who} had"
    """Openings before a number."""
    got: str = "{who} got"
    """Verbs before a number, of what is done once or day by day."""
    pairs: str = "big/small;old/new;red/blue;black/white"
    """Two sorts of them."""
    gain: str = "{he} got {n} more;{he} bought {n} more;{other} gave {him} {n} more;{he} found {n} more"
    lose: str = "{he} gave {n} of them to {other};{he} lost {n} of them;{he} gave away {n};{he} sold {n} of them"
    left: str = "how many {thing} did {he} have left;how many {thing} does {he} have now;how many {thing} are left"
    total: str = "how many {thing} does {he} have now;how many {thing} did {he} have in all"
    boxes: str = "box/boxes;bag/bags"
    pack: str = "{he} put {n} in each {box};{he} put the {thing} into {boxes} of {n};each {box} held {n} {thing}"
    packed: str = "how many {boxes} did {he} need;how many {boxes} did {he} fill;how many {boxes} were there"
    price: str = (
        "{he} sold them for {n} dollars each/how much money did {he} get;each cost {n} dollars/how much did they cost"
    )
    """What each is worth, and the question for all of them."""
    rate: str = "{he} used {n} a day/how many days did they last"
    """How many at a time, and the question how often."""
    share: str = "{he} shared them equally among {n} friends/how many {thing} did each friend get"


SORTS = (
    Things(
        names="cookies;muffins;cupcakes;pies;rolls;pancakes;donuts;brownies;tarts;pieces of candy;sandwiches;pretzels",
        had="{who} had;{who} baked;{who} made;{who} brought;{his} {kin} made",
        got="{who} baked;{who} made",
        pairs="chocolate/vanilla;large/small;lemon/cherry;sweet/salty;plain/filled",
        gain="{he} baked {n} more;{he} made another {n};{his} {kin} brought {n} more;{he} bought {n} more",
        lose=(
            "{he} ate {n} of them;{his} {kin} ate {n} of them;{he} gave {n} to {other};{he} dropped {n}"
            ";{n} of them burned;{he} sold {n} of them"
        ),
        boxes="plate/plates;box/boxes;bag/bags;tray/trays;tin/tins;package/packages",
        rate=(
            "{he} ate {n} a day/how many days did they last;{he} ate {n} {thing} each day/how long did they last {him}"
        ),
    ),
    Things(
        names="apples;pears;plums;oranges;lemons;peaches;bananas;potatoes;carrots;tomatoes;melons;onions;eggs",
        had="{who} had;{who} picked;{who} bought;a farmer had;the kitchen had",
        got="{who} picked;{who} gathered;{who} bought",
        pairs="red/green;ripe/unripe;big/small;fresh/old",
        gain="{he} picked {n} more;{he} bought {n} more;{other} brought {n} more",
        lose=(
            "{he} ate {n} of them;{he} threw away {n} bad ones;{n} of them were rotten;{he} used {n} for a cake"
            ";{he} gave {n} to {other};{he} sold {n}"
        ),
        boxes="basket/baskets;crate/crates;bag/bags;carton/cartons;jar/jars",
        price=(
            "{he} sold each for {n} dollars/how much money did {he} earn"
            ";a piece costs {n} cents/how many cents did they cost"
        ),
        rate="a pie takes {n} of them/how many pies could {he} make;{he} used {n} a day/how many days did they last",
    ),
    Things(
        names="stamps;coins;marbles;shells;stickers;cards;buttons;beads;stones;badges;postcards;dolls;toy cars;figures",
        had="{who} had;{who} owned;{who} collected",
        got="{who} collected;{who} found;{who} bought",
        gain=(
            "{he} found {n} more;{he} bought {n} more;{other} gave {him} {n} more;{he} won {n} more"
            ";{he} got {n} new ones"
        ),
        lose=(
            "{he} lost {n} of them;{he} gave {n} to {other};{he} traded {n} away;{he} sold {n}"
            ";{he} threw away {n} old ones"
        ),
        boxes="album/albums;box/boxes;page/pages;jar/jars;row/rows",
    ),
    Things(
        names="books;comics;magazines;novels;games;movies;records;toys;puzzles",
        had="{who} had;{who} owned;the library had;{who} borrowed",
        got="{who} bought;{who} sold",
        pairs="old/new;thick/thin;funny/sad;adventure/history",
        gain=(
            "{he} bought {n} more;{he} got {n} new ones;{he} used the money to buy {n} new ones"
            ";{other} brought {n} more"
        ),
        lose="{he} sold {n} of them;{he} lent {n} to {other};{he} gave {n} away;{he} lost {n} of them",
        boxes="shelf/shelves;box/boxes;pile/piles;row/rows",
    ),
    Things(
        names="roses;tulips;daisies;flowers;lilies;plants;bushes;herbs",
        had="{who} had;{who} picked;{who} planted;a gardener had;{who} bought",
        got="{who} picked;{who} planted;{who} sold",
        pairs="red/yellow;white/pink;tall/short",
        gain="{he} picked {n} more;{he} planted {n} more;{he} bought {n} more",
        lose="{n} of them wilted;{he} gave {n} to {other};{he} sold {n} of them;{n} of them died;{he} cut {n} of them",
        boxes="vase/vases;bunch/bunches;row/rows;pot/pots;bouquet/bouquets;garden/gardens",
    ),
    Things(
        names="children;students;players;guests;visitors;people;friends;campers;workers",
        had="there were;a club had;a camp had;the school invited;a party had",
        got="the hall took in;the museum had",
        pairs="young/old;new/old;tall/short",
        gain="{n} more came;{n} more joined them;another {n} arrived;{n} new ones came in",
        lose="{n} of them went home;{n} of them were ill;{n} of them did not come;{n} of them left;{n} did not show up",
        left="how many {thing} were left;how many {thing} were there then;how many {thing} stayed",
        total="how many {thing} were there in all;how many {thing} were there then",
        boxes="table/tables;group/groups;team/teams;van/vans;boat/boats;tent/tents;bench/benches;bus/buses",
        pack=(
            "each {box} held {n} of them;they formed {boxes} of {n};they sat at {boxes} of {n};{n} fit into each {box}"
        ),
        packed="how many {boxes} did they need;how many {boxes} were there",
        price=(
            "each of them paid {n} dollars/how much did they pay in all"
            ";each of them brought {n} cans/how many cans were there"
            ";each of them scored {n} points/how many points did they score"
            ";each of them had {n} tries/how many tries did they have together"
            ";each meal cost {n} dollars/how much did all meals cost"
        ),
        rate="{n} of them could go in at a time/how many rounds did it take",
        share="they were split equally into {n} teams/how many {thing} were on each team",
    ),
    Things(
        names="sheep;chickens;rabbits;ducks;goats;horses;kittens;puppies;cats;dogs;birds;fish;turtles",
        had="{who} had;a farmer had;a shop had;a shelter had;there were",
        got="a farmer bought;the shelter took in",
        pairs="brown/white;young/old;black/gray;big/small",
        gain="{n} more were born;{n} more were brought in;{n} more came;the owner bought {n} more",
        lose="{n} of them ran away;{n} of them were sold;{n} of them found a home;{n} were given away",
        left="how many {thing} were left;how many {thing} are there now",
        total="how many {thing} are there now",
        boxes="pen/pens;cage/cages;tank/tanks;barn/barns",
        pack="each {box} held {n} of them;{n} were put in each {box}",
        packed="how many {boxes} were needed;how many {boxes} were used",
        price=(
            "each eats {n} cups of food a day/how many cups do they eat a day"
            ";each was sold for {n} dollars/how much money was that"
        ),
        rate="{n} of them were sold each day/how many days did it take to sell all",
        share="they were put equally into {n} cages/how many {thing} were in each cage",
    ),
    Things(
        names="pictures;photos;songs;videos;files;messages;drawings",
        had="{who} had;{who} saved;{who} made;{who} stored",
        got="{who} took;{who} made;{who} uploaded",
        gain="{he} added {n} more;{he} took {n} more;{other} sent {him} {n} more;{he} added {n} new ones",
        lose="{he} deleted {n} of them;{he} erased {n};{he} removed {n} old ones;{he} lost {n} of them",
        boxes="album/albums;folder/folders;page/pages;list/lists",
        share="{he} put them into {n} albums with equally many in each/how many {thing} were in each album",
    ),
    Things(
        names=(
            "shirts|to wash;cars|to clean;windows|to install;lawns|to mow;letters|to write;rooms|to paint"
            ";chairs|to repair;problems|to solve;pages|to read;tests|to grade;dishes|to dry;trees|to plant"
            ";fences|to paint;boxes|to carry"
        ),
        had="{who} had;there were;{his} {kin} had",
        got="{who} did;{who} finished",
        pairs="big/small;short/long;easy/hard;old/new;blue/white",
        gain="{he} got {n} more;another {n} came in;{n} more were added",
        lose=(
            "{he} finished {n} of them;{he} did {n} of them {early};{he} had already done {n} of them"
            ";{he} forgot {n} of them;{he} only did {n} {early}"
        ),
        left="how many {thing} were left;how many {thing} did {he} still have to do;how many {thing} did {he} not do",
        total="how many {thing} were there in all;how many {thing} did {he} have to do",
        boxes="pile/piles;row/rows",
        price=(
            "each took {n} minutes/how many minutes did {he} need"
            ";{he} got {n} dollars for each/how much money did {he} earn"
            ";it takes {n} hours to do each/how long will it take {him} to do the rest"
        ),
        rate=(
            "{he} did {n} an hour/how many hours did {he} need"
            ";{he} could do {n} a day/how many days will it take {him}"
            ";{he} could take {n} at a time/how many trips did {he} make"
        ),
        share="{n} helpers did equally many/how many {thing} did each helper do",
    ),
    Things(
        names="dollars",
        had="{who} had;{who} saved;{who} earned;{who} had saved up",
        got="{who} earned;{who} saved;{who} spent",
        pairs="",
        gain=(
            "{he} earned {n} more;{his} {kin} gave {him} {n} more;{he} got {n} more dollars for {his} birthday"
            ";{he} found {n} more"
        ),
        lose="{he} spent {n} of them;{he} spent {n} dollars on a book;{he} lost {n};{he} gave {n} to {other}",
        boxes="envelope/envelopes;jar/jars",
        price="{his} {kin} gave {him} {n} cents for each/how many cents was that",
        rate=(
            "a toy costs {n} dollars/how many toys could {he} buy"
            ";each game cost {n} dollars/how many games could {he} buy"
            ";{he} spent {n} dollars a day/how many days did the money last"
        ),
    ),
    Things(
        names=(
            "coins|in a game;treasures|in a game;monsters|in a game;tickets|at the fair;goals;targets|in a game"
            ";stars|in a game"
        ),
        had="there were;a level had;{who} saw",
        got="{who} won;{who} found;{who} hit",
        pairs="gold/silver;big/small;easy/hard",
        gain="{he} got {n} more;{n} more appeared",
        lose="{he} missed {n} of them;{he} lost {n};{he} used {n} of them",
        boxes="bag/bags;level/levels",
        price=(
            "each is worth {n} points/how many points did {he} get"
            ";{he} scored {n} points for each/what was {his} score"
            ";{he} earned {n} points for each/how many points did {he} earn"
        ),
        rate="a prize costs {n} of them/how many prizes could {he} get;a toy costs {n}/how many toys could {he} buy",
    ),
    Things(
        names="lamps;shirts;hats;bikes;balls;bottles;shoes;phones;radios;bags of rice;dresses;clocks;toy bears",
        had="a store had;the shop had;{who} had;a market had;{who} bought",
        got="a store sold;a factory made;the shop sold",
        gain="{n} more were delivered;they got {n} more;{n} more were made;another {n} came in",
        lose="{n} of them were sold;{n} of them were broken;they sold {n} of them;{n} were returned to the factory",
        left="how many {thing} were left;how many {thing} are there now",
        total="how many {thing} are there now",
        boxes="shelf/shelves;box/boxes;rack/racks;case/cases",
        pack="each {box} held {n} of them;{n} were put on each {box}",
        packed="how many {boxes} were used;how many {boxes} were needed;how many {boxes} were filled up",
        price=(
            "each cost {n} dollars/how much did they cost in all"
            ";they were sold for {n} dollars each/how much money was that"
        ),
        rate="{n} of them were sold each day/how many days did it take to sell all",
    ),
    Things(
        names=(
            "pencils;crayons;pens;markers;balloons;napkins;cups;candles;sheets of paper;blocks;bottles of water"
            ";cans;nails"
        ),
        had="{who} had;{who} bought;a class had;{who} found",
        got="{who} bought;{who} used;{who} collected",
        lose=(
            "{he} used {n} of them;{he} broke {n} of them;{he} gave {n} to {other};{n} of them were lost"
            ";{he} threw {n} away"
        ),
        boxes="box/boxes;pack/packs;cup/cups;drawer/drawers;bag/bags",
        share=(
            "{he} shared them equally among {n} children/how many {thing} did each child get"
            ";{n} children got equally many/how many {thing} did each get"
        ),
    ),
    Things(
        names="passengers;riders;customers;diners;fans",
        had="a train had;a bus had;a waiter had;a cafe had;a stadium had",
        got="a train carried;the cafe served",
        pairs="young/old;noisy/quiet",
        gain="{n} more came in;{n} more got on;another {n} came",
        lose="{n} of them left;{n} of them got off;{n} went away;{n} of them did not pay",
        left="how many {thing} were left;how many {thing} were there then",
        total="how many {thing} were there then",
        boxes="car/cars;table/tables;row/rows",
        pack="each {box} held {n} of them;there were {n} in each {box}",
        packed="how many {boxes} were needed",
        price=(
            "each of them paid {n} dollars/how much money was that"
            ";each left a tip of {n} dollars/how much were the tips"
        ),
        rate="{n} of them were served at a time/how many turns did it take",
        share="they sat at {n} tables, equally many at each/how many {thing} were at each table",
    ),
)


class _Misfit(Exception):
    """These numbers don't fit; others may."""


class _Scene:
    """A problem that is being written: its sentences, its steps, and the amount so far."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.things = rng.choice(SORTS)
        thing, _, self.rest = rng.choice(self.things.names.split(";")).partition("|")
        man = rng.random() < 0.5
        who = rng.choice((HE if man else SHE).split())
        he, him, his = ("he", "him", "his") if man else ("she", "her", "her")
        other = rng.choice(
            [*OTHERS.split(";"), f"{his} {rng.choice(KIN.split(';'))}", rng.choice(f"{HE} {SHE}".split())]
        )
        self.slots = {
            "who": who,
            "he": he,
            "him": him,
            "his": his,
            "thing": thing,
            "other": other if other != who else "a friend",
            "kin": rng.choice(KIN.split(";")),
            "early": rng.choice(("before school", "before lunch", "on Friday", "yesterday")),
            "else_": rng.choice(ELSE.split(";")),
        }
        self.slots["box"], self.slots["boxes"] = self.pick("boxes").split("/")
        self.largest = rng.choice((12, 12, 20, 20, 50, 50, 100, 100))
        self.sentences: list[str] = []
        self.steps: list[str] = []
        self.amount = 0

    def pick(self, part: str) -> str:
        return self.rng.choice(getattr(self.things, part).split(";"))

    def number(self, largest: int | None = None) -> int:
        return self.rng.randint(2, largest or self.largest)

    def work(self, sign: str, n: int, backwards: bool = False) -> None:
        """Take a step from the amount so far. Raises _Misfit for a result that is not whole, positive and small."""
        a, b = (n, self.amount) if backwards else (self.amount, n)
        value = {"+": a + b, "-": a - b, "*": a * b, "/": Fraction(a, b)}[sign]
        if value <= 0 or value > 500 or value % 1 or (sign == "/" and value == 1):
            raise _Misfit
        self.steps.append(f"{a}{sign}{b}={value}")
        self.amount = int(value)

    def say(self, text: str, **slots: object) -> None:
        self.sentences.append(text.format(**{**self.slots, **slots}))

    def opening(self, kind: str) -> str:
        """How many there are at first; and the question, where nothing else can be asked."""
        a, b = self.number(), self.number()
        rest = f" {self.rest}" if self.rest else ""
        had, got, self.amount = self.pick("had"), self.pick("got"), a
        if kind == "one":
            self.say(f"{had} {a} {{thing}}{rest}")
        elif kind == "sorts" and self.things.pairs:
            one, two = self.pick("pairs").split("/")
            again = self.rng.choice((" {thing}", ""))
            self.say(f"{had} {a} {one}{again or ''} and {b} {two} {{thing}}{rest}")
            if self.rng.random() < 0.15:
                self.amount, larger = max(a, b), (one, two) if a > b else (two, one)
                self.work("-", min(a, b))
                return f"how many more {larger[0]} {{thing}} than {larger[1]} {{thing}} were there"
            self.work("+", b)
        elif kind == "times":
            one, two = self.rng.choice(DAYS.split(";")).split("/")
            more = self.rng.choice(("", " more", " {thing}"))
            self.say(f"{got} {a} {{thing}} {one} and {b}{more} {two}")
            self.work("+", b)
        elif kind == "two":
            self.say(
                f"{{who}} had {a} {{thing}}{rest} and {{other}} had {b}"
                + self.rng.choice((". They put them together", ""))
            )
            self.work("+", b)
        elif kind == "boxes":
            self.amount, b = self.number(15), self.number(25)
            form = self.rng.choice(
                (
                    f"with {b} {{thing}} in each",
                    f"of {b} {{thing}} each",
                    f"of {b} {{thing}}",
                    f"with {b} {{thing}} in each {{box}}",
                )
            )
            self.say(f"{had} {self.amount} {{boxes}} {form}")
            self.work("*", b)
        elif kind == "rate":
            span, spans = self.rng.choice(SPANS.split(";")).split("/")
            self.amount, b = self.number(25), self.number(12)
            self.say(
                self.rng.choice(
                    (
                        f"{got} {self.amount} {{thing}} {'an' if span == 'hour' else 'a'} {span} for {b} {spans}",
                        f"for {b} {spans} {got} {self.amount} {{thing}} each {span}",
                    )
                )
            )
            self.work("*", b)
        else:
            kin = f"{{his}} {self.rng.choice(KIN.split(';'))}"
            self.say(f"{kin} {self.rng.choice(('had', 'got'))} {a} {{thing}}")
            form, sign = self.rng.choice(
                (
                    ("{b} more than that", "+"),
                    ("{b} fewer than that", "-"),
                    ("{b} times as many", "*"),
                    ("twice as many", "2"),
                    ("half as many", "h"),
                    ("{b} more {thing} than {his} " + kin.split()[-1], "+"),
                )
            )
            b = {"*": self.rng.randint(3, 9), "2": 2, "h": 2}.get(sign, b)
            self.say("{who} had " + form.replace("{b}", str(b)))
            self.work({"2": "*", "h": "/"}.get(sign, sign), b)
            if self.rng.random() < 0.3:
                self.work("+", a, backwards=True)
                return "how many {thing} did they have together"
            if self.rng.random() < 0.5:
                return "how many {thing} did {who} have"
        return ""

    def event(self, part: str) -> None:
        n = self.number()
        self.work("+" if part == "gain" else "-", n)
        self.say(self.pick(part), n=n)

    def asked(self, kind: str, changed: str) -> str:
        """The last sentence, if any, and the question."""
        if kind == "count":
            return self.pick("left" if changed == "lose" else "total")
        if kind == "wanted":
            n = self.amount + self.number()
            self.work("-", n, backwards=True)
            self.say(
                self.rng.choice(("{he} needs {n} {thing}", "{he} wants to have {n} {thing}", "there should be {n}")),
                n=n,
            )
            return "how many more {thing} does {he} need"
        small = self.number(12)
        if kind == "pack":
            self.work("/", small)
            self.say(self.pick("pack"), n=small)
            return self.pick("packed")
        told, question = self.pick(kind).split("/")
        self.work("*" if kind == "price" else "/", small)
        self.say(told, n=small)
        return question

    def distract(self) -> None:
        if len(self.sentences) > 1:
            text = self.rng.choice(IRRELEVANT.split(";")).format(**self.slots, n=self.number(40))
            self.sentences.insert(self.rng.randint(1, len(self.sentences) - 1), text)

    def written(self, question: str) -> Problem:
        """The sentences as a text; the last one often becomes a condition of the question."""
        question = question.format(**self.slots)
        sentences = list(self.sentences)
        name, he = self.slots["who"], f"{self.slots['he']} "
        named = any(name in text for text in sentences)
        for i, text in enumerate(sentences):
            if text.startswith(he) and (not named or self.rng.random() < 0.3):
                sentences[i], named = f"{name} {text.removeprefix(he)}", True
        joined = self.rng.random()
        if len(sentences) > 2 and joined < 0.35:
            sentences[-2:] = [f"{sentences[-2]} {self.rng.choice(('and then', 'and', 'but then'))} {sentences[-1]}"]
        if len(sentences) > 1 and self.rng.random() < 0.5:
            question = f"{self.rng.choice(('if', 'if', 'if', 'when'))} {sentences.pop()}, {question}"
        elif len(sentences) > 1 and self.rng.random() < 0.25:
            sentences[-1] = f"{self.rng.choice(('then', 'later', 'after that'))} {sentences[-1]}"
        text = ". ".join(t[0].upper() + t[1:] for t in sentences)
        return Problem(f"{text}. {question[0].upper()}{question[1:]}?", tuple(self.steps), str(self.amount))


OPENINGS = {"one": 8, "sorts": 5, "times": 4, "two": 2, "boxes": 4, "rate": 2, "compare": 3}
ASKS = {"count": 8, "pack": 5, "share": 3, "price": 6, "rate": 4, "wanted": 1}
EVENTS = {(): 6, ("lose",): 8, ("gain",): 3, ("lose", "gain"): 3, ("gain", "lose"): 2, ("lose", "lose"): 1}


def _drawn(rng: random.Random, weights: dict) -> object:
    return rng.choices(list(weights), list(weights.values()))[0]


def scenes(count: int, seed: int = 0) -> Iterator[Problem]:
    """So many problems, no two questions alike."""
    rng = random.Random(f"scenes-{seed}")
    seen: set[str] = set()
    while len(seen) < count:
        scene = _Scene(rng)
        opening, events, ask = (_drawn(rng, weights) for weights in (OPENINGS, EVENTS, ASKS))
        try:
            question = scene.opening(opening)
            if not question:
                for event in events:
                    scene.event(event)
                question = scene.asked(ask, events[-1] if events else "")
        except _Misfit:
            continue
        if not scene.steps or len(scene.steps) > 4:
            continue
        if rng.random() < 0.1:
            scene.distract()
        problem = scene.written(question)
        if problem.question not in seen:
            seen.add(problem.question)
            yield replace(problem, id=f"scene-{seed}-{len(seen):06d}", source="scenes")


def drills(count: int, seed: int = 0) -> Iterator[Problem]:
    """Bare equations, one to four a problem: `7+5, 96/8` -> `7+5=12`, `96/8=12`; the answer is the last result."""
    rng = random.Random(f"drills-{seed}")
    for i in range(count):
        steps = []
        for _ in range(rng.randint(1, 4)):
            sign = rng.choice("++--*/")
            a, b = rng.randint(2, rng.choice((12, 30, 100))), rng.randint(2, rng.choice((12, 30, 100)))
            if sign in "*/":
                a, b = rng.randint(2, 12), rng.randint(2, 25)
                a, b = (a, b) if rng.random() < 0.5 else (b, a)
            value = {"+": a + b, "-": a, "*": a * b, "/": a}[sign]
            a = {"-": a + b, "/": a * b}.get(sign, a)
            steps.append(f"{a}{sign}{b}={value}")
        question = ", ".join(step.partition("=")[0] for step in steps)
        yield Problem(question, tuple(steps), str(value), f"drill-{seed}-{i:06d}", "drills")
