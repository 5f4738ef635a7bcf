"""Problems as token ids: every column of a batch worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from atp_lite.domains import Problem, StorySettings, generate, read_expression, read_story, story_words
from atp_lite.planner import ModelSettings, Planner
from atp_lite.tokens import (
    END_LATENT,
    LATENT,
    START_LATENT,
    Collator,
    domain_tokenizer,
    pad_rows,
    split_language,
    word_tokenizer,
)

TOKENIZER = domain_tokenizer()
TWO = Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14")
ONE = Problem("9-2", ("9-2=7",), "7")


def words(ids) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(list(map(int, ids)))


@given(st.lists(st.integers(0, 49), min_size=1, max_size=5), st.sampled_from("+-*"))
def test_every_number_is_one_token_and_text_survives(numbers, operator):
    text = operator.join(map(str, numbers)) + "=" + str(numbers[0])
    tokens = TOKENIZER.tokenize(text)
    assert len(tokens) == 2 * len(numbers) + 1
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_special_tokens_are_single_and_all_different():
    ids = TOKENIZER.convert_tokens_to_ids(["<pad>", "<eos>", "<unk>", START_LATENT, LATENT, END_LATENT])
    assert len(set(ids)) == 6
    assert TOKENIZER(f"3{START_LATENT}{END_LATENT}")["input_ids"][1:] == [ids[3], ids[5]]


def test_batch_at_stage_one_by_hand():
    batch = Collator(TOKENIZER, latents_per_step=2)([TWO, ONE], stage=1)
    pad, end, eos = "<pad>", END_LATENT, "<eos>"
    assert words(batch.question[0]) == ["(", "3", "+", "4", ")", "*", "2", START_LATENT]
    assert words(batch.question[1]) == [pad] * 4 + ["9", "-", "2", START_LATENT]
    assert batch.question_mask.tolist() == [[1] * 8, [0] * 4 + [1] * 4]
    assert batch.n_latents.tolist() == [2, 2]
    assert words(batch.language[0]) == [end, "7", "*", "2", "=", "14", ";", "14", eos]
    assert words(batch.language[1]) == [end, "7", eos] + [pad] * 6
    assert batch.language_mask.tolist() == [[1] * 9, [1] * 3 + [0] * 6]
    assert [words(row) for row in batch.steps[:, 0]] == [
        ["3", "+", "4", "=", "7", eos],
        ["9", "-", "2", "=", "7", eos],
    ]
    assert batch.steps_mask.all()


@pytest.mark.parametrize(
    ("stage", "n_latents", "language"),
    [
        (0, [0, 0], [["3", "+", "4", "=", "7", ";", "7", "*", "2", "=", "14", ";", "14"],
                     ["9", "-", "2", "=", "7", ";", "7"]]),
        (2, [2, 1], [["14"], ["7"]]),
        (9, [2, 1], [["14"], ["7"]]),
    ],
)  # fmt: skip
def test_a_stage_moves_steps_from_words_to_latents(stage, n_latents, language):
    batch = Collator(TOKENIZER)([TWO, ONE], stage)
    assert batch.n_latents.tolist() == n_latents
    for row, mask, expected in zip(batch.language, batch.language_mask.bool(), language, strict=True):
        assert words(row[mask]) == [END_LATENT, *expected, "<eos>"]
    assert batch.steps_mask.any(-1).sum(1).tolist() == n_latents  # one decoder target a latent step


def test_encoded_problems_give_the_same_batch():
    collate = Collator(TOKENIZER)
    direct, encoded = collate([TWO, ONE], 1), collate(collate.encode([TWO, ONE]), 1)
    for name, value in vars(direct).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, getattr(encoded, name)), name
    assert encoded.problems == [TWO, ONE]


def test_written_language_splits_into_steps_and_answer():
    assert split_language("3+4=7; 7*2=14 ; 14") == (["3+4=7", "7*2=14"], "14")
    assert split_language("14") == ([], "14")
    assert split_language("") == ([], "")
    assert split_language("3+4=7;") == (["3+4=7"], "")


@given(st.lists(st.lists(st.integers(1, 9), max_size=4), min_size=1, max_size=4), st.booleans())
def test_padding_keeps_every_row(rows, left):
    ids, mask = pad_rows(rows, pad=0, left=left)
    assert ids.shape == mask.shape == (len(rows), max(map(len, rows)))
    for row, own, real in zip(rows, ids, mask.bool(), strict=True):
        assert own[real].tolist() == row and (own[~real] == 0).all()
        assert real.tolist() == sorted(real.tolist(), reverse=not left)


def test_errors_name_the_value_the_place_and_the_way_out():
    collate = Collator(TOKENIZER)
    with pytest.raises(ValueError, match="'50' holds '50', which .*vocabulary"):
        collate([Problem("25+25", ("25+25=50",), "50")], 1)
    with pytest.raises(ValueError, match="stage is -1; it starts at 0"):
        collate([ONE], -1)
    with pytest.raises(ValueError, match="empty batch"):
        collate([], 1)
    with pytest.raises(ValueError, match="latents_per_step is 0"):
        Collator(TOKENIZER, 0)
    assert collate.encode([]) == []


def test_a_tokenizer_without_the_latent_tokens_is_refused():
    # add_prefix-free word tokenizer with the three special tokens missing
    tokenizer = domain_tokenizer()
    plain = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer.from_str(
            tokenizer.backend_tokenizer.to_str().replace(START_LATENT, "<|other|>")
        ),
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
    )
    with pytest.raises(ValueError, match="start-latent.*additional_special_tokens"):
        Collator(plain)


def test_a_typed_question_reads_back():
    problem = read_expression("(3 + 4) * 2")
    batch = Collator(TOKENIZER)([problem], 5)
    assert Collator(TOKENIZER).text(batch.question) == [problem.question + "<|start-latent|>"]


# --- words ---

STORIES = StorySettings(min_ops=1, max_ops=6, max_distractors=2)
WORDS = word_tokenizer(story_words(STORIES))


@pytest.mark.slow
def test_stories_and_their_steps_come_back_as_they_were():
    collate = Collator(WORDS)
    problems = generate(STORIES, "train", {n: 100 for n in range(2, 7)})
    assert len(problems) == 500
    batch = collate(problems, stage=0)
    assert collate.text(batch.question) == [p.question + START_LATENT for p in problems]
    for problem, text in zip(problems, collate.text(batch.language), strict=True):
        assert text == END_LATENT + ";".join([*problem.steps, problem.answer])
        assert split_language(text.removeprefix(END_LATENT)) == (list(problem.steps), problem.answer)
    steps = collate(problems, stage=6).steps
    assert collate.text(steps.flatten(0, 1))[:2] == list(problems[0].steps[:2])


def test_a_number_is_the_same_token_in_text_and_equation():
    assert WORDS.tokenize("Tom has 12 cards. 12/3=4") == ["Tom", "has", "12", "cards", ".", "12", "/", "3", "=", "4"]
    assert WORDS.convert_tokens_to_ids("<pad>") == 0 and len(WORDS) == len(set(WORDS.get_vocab().values()))
    assert len(WORDS) == 6 + 8 + len(story_words(STORIES))  # special tokens, operators with parentheses and ;


def test_spaces_stand_where_english_has_them():
    tokenizer = word_tokenizer(["Yes", ",", "No", "!", ".", "7"])
    for text in ("Yes, No! 7. No", "7+7=7;7", "Yes 7", f"No{START_LATENT}Yes"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize(
    ("text", "word"), [("Tom has 3 zebras.", "zebras"), ("José has 3 cards.", "José"), ("Tom has 77 cards.", "77")]
)
def test_a_word_outside_the_vocabulary_is_named(text, word):
    with pytest.raises(ValueError, match=f"holds '{word}', which the tokenizer does not know.*story_words"):
        Collator(WORDS).encode([Problem(text, (), "3")])


@pytest.mark.parametrize("word", ["two words", "a-b", "1a", "", "..", " "])
def test_what_is_no_word_is_refused(word):
    with pytest.raises(ValueError, match="is no word of a word_tokenizer"):
        word_tokenizer(["Tom", word])


@pytest.mark.slow
def test_a_planner_for_stories_reasons_and_is_saved(tmp_path):
    sizes = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)
    planner = Planner.fresh("stories", sizes, seed=3, problems=STORIES)
    assert planner.model.backbone.config.vocab_size == len(WORDS) == len(planner.tokenizer)
    problems = [read_story("Tom has 8 cards. How many cards does Tom have?"), *generate(STORIES, "test", {3: 3})]
    trace = planner.reason(problems)
    assert len(trace.answers) == 4 and trace.problems == problems
    planner.save_pretrained(tmp_path)
    again = Planner.from_pretrained(tmp_path)
    assert again.reason(problems).answers == trace.answers
    assert again.collate.text(again.collate(problems, 0).question)[0] == problems[0].question + START_LATENT
    with pytest.raises(ValueError, match="holds 'T', which the tokenizer does not know"):
        Planner.fresh("arithmetic", sizes).reason(problems)
