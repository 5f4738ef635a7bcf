"""Stories: templated word problems, the bridge from toy expressions to GSM8K.

Their sentences stand in text.py, what these mean in steps.py, how plots are drawn in sampling.py.
"""

from __future__ import annotations

from atp_lite.domains.domain import DOMAINS, Vocabulary
from atp_lite.domains.made import MadeDomain, Split, as_split
from atp_lite.domains.problem import Problem
from atp_lite.domains.stories.sampling import StorySettings, sample_stories
from atp_lite.domains.stories.steps import Story, read_story, story_of
from atp_lite.domains.stories.text import text_words


@DOMAINS.register("stories")
class Stories(MadeDomain):
    """Word problems of one to six steps from templates."""

    settings_class = StorySettings
    label, source = "stories", "story"
    about = "story problems"
    example = "Tom has 5 cards. He buys 3 more cards. He loses 2 cards. How many cards does Tom have now?"
    bundled = "atp-sft-stories"

    def recognises(self, text: str) -> bool:
        """What ends with a question mark."""
        return text.rstrip().endswith("?")

    def work_out(self, question: str) -> Story:
        return story_of(question)

    def read_question(self, text: str) -> Problem:
        return read_story(text)

    def sample(self, n: int, count: int, split: Split, settings: StorySettings) -> list[str]:
        return sample_stories(n, count, split, settings)

    def default_counts(self, split: str, settings: StorySettings) -> dict[int, int]:
        """Stories come in equal numbers of each number of steps."""
        each = {"train": 10_000, "rl": 2000, "validation": 200, "test": 500}[as_split(split)]
        return dict.fromkeys(range(settings.min_ops, settings.max_ops + 1), each)

    def vocabulary(self, settings: StorySettings) -> Vocabulary:
        return Vocabulary(tuple(story_words(settings)))


def story_words(settings: StorySettings | None = None) -> list[str]:
    """The closed vocabulary of stories: words, signs, and the numbers from 0 to max_value; for `word_tokenizer`."""
    settings = StorySettings() if settings is None else settings
    return text_words() + [str(number) for number in range(settings.max_value + 1)]
