"""The next character of a text: what is drawn from where, and what is refused."""

import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks import next_character
from carnotlab.tasks.next_character import NextCharacter

TEXT = "".join("abcde"[(i * i + i // 7) % 5] for i in range(2000))


def saved(tmp_path, text, name="text.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def task_of(tmp_path, text=TEXT, **settings):
    usual = {"context": 4, "samples": 50, "held_out": 30}
    return NextCharacter(saved(tmp_path, text), **{**usual, **settings})


def spelled(task, x):
    codes = x[..., 0].astype(int) if task.encoding == "codes" else x.argmax(-1)
    return ["".join(task.alphabet[c] for c in row) for row in codes]


def test_samples_are_places_of_their_part(tmp_path):
    """With every character of the text a different one, its place is known from it."""
    text = "".join(map(chr, range(0x100, 0x100 + 250)))
    train_all = "".join(text[i % 200] for i in range(8000)) + "".join(
        text[i % 200] for i in range(2000)
    )
    task = task_of(tmp_path, train_all, samples=7996, held_out=990)
    for batch, low, high in (
        (task.data().train, 0, 8000),
        (task.validation(), 8004, 9000),
        (task.data().test, 9004, 10000),
    ):
        found = {
            front + task.alphabet[c]
            for front, c in zip(spelled(task, batch.x), batch.y.argmax(-1), strict=True)
        }
        there = {train_all[i - 4 : i + 1] for i in range(low + 4, high)}
        assert found <= there
    assert task.data().train.x.shape == (7996, 4, 200)


def test_places_are_distinct_and_nested(tmp_path):
    most = sum(1 for _ in range(4, 1600))
    whole = task_of(tmp_path, samples=most)
    part = task_of(tmp_path, samples=40)
    x, y = whole.data().train
    np.testing.assert_array_equal(part.data().train.x, x[:40])
    # All places once: as often as each window stands in the training part.
    drawn = sorted(
        front + whole.alphabet[c] for front, c in zip(spelled(whole, x), y.argmax(-1), strict=True)
    )
    assert drawn == sorted(TEXT[i - 4 : i + 1] for i in range(4, 1600))


def test_seed_draws_training_places_alone(tmp_path):
    first, second = task_of(tmp_path), task_of(tmp_path, seed=1)
    np.testing.assert_array_equal(first.data().test.x, second.data().test.x)
    np.testing.assert_array_equal(first.validation().x, second.validation().x)
    assert np.any(first.data().train.x != second.data().train.x)


def test_codes_are_the_places_of_one_hot(tmp_path):
    spelt, coded = task_of(tmp_path), task_of(tmp_path, encoding="codes")
    x = spelt.data().train.x
    np.testing.assert_array_equal(coded.data().train.x[..., 0], x.argmax(-1))
    np.testing.assert_array_equal(coded.data().train.y, spelt.data().train.y)
    assert coded.input_shape == (4, 1)
    assert spelt.input_shape == (4, 5)
    assert np.all(x.sum(-1) == 1.0)


def test_characters_unknown_to_training(tmp_path):
    text = TEXT[:1700] + "zz" + TEXT[1702:]
    task = task_of(tmp_path, text, held_out=192)
    assert task.alphabet == "abcde"
    assert task.data().test.size == 192
    x, y = task.validation()
    assert len(x) == 190
    assert np.all(y.sum(-1) == 1.0)
    assert np.sum(x.sum(-1) == 0.0) == 2 * 4 - 1  # of windows ended by a known character
    assert np.sum(task.characters("validation") == -1) == 2


def test_shuffled_text_is_as_frequent_and_without_order(tmp_path):
    text = "ab" * 5000
    plain = task_of(tmp_path, text, samples=4000)
    mixed = task_of(tmp_path, text, samples=4000, shuffled=True)

    def repeats(task):
        x, y = task.data().train
        return np.mean(x[:, -1].argmax(-1) == y.argmax(-1))

    assert repeats(plain) == 0.0
    assert abs(repeats(mixed) - 0.5) < 5.0 * 0.5 / np.sqrt(4000)
    whole = np.concatenate([mixed.characters(part) for part in ("training", "validation", "test")])
    assert abs(whole.mean() - 0.5) < 0.01


def test_key_follows_the_content_and_not_the_folder(tmp_path):
    (tmp_path / "other").mkdir()
    first = task_of(tmp_path)
    moved = task_of(tmp_path / "other")
    changed = task_of(tmp_path / "other", TEXT[:-1] + "a")
    assert content_key(first) == content_key(moved) != content_key(changed)
    assert str(tmp_path) not in repr(first.__describe__())
    for field in ({"context": 5}, {"samples": 51}, {"held_out": 31}, {"seed": 1}):
        assert content_key(task_of(tmp_path, **field)) != content_key(first)
    for field in ({"encoding": "codes"}, {"shuffled": True}):
        assert content_key(task_of(tmp_path, **field)) != content_key(first)


def test_a_changed_file_is_refused(tmp_path):
    task = task_of(tmp_path, TEXT + "a")
    saved(tmp_path, TEXT + "b")
    next_character._text.cache_clear()  # what was read before is still what was described
    with pytest.raises(InputError, match="has changed since"):
        task.data()


def test_byte_order_mark_is_no_character(tmp_path):
    assert task_of(tmp_path, b"\xef\xbb\xbf" + TEXT.encode()).alphabet == "abcde"


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "text.txt, which is empty"),
        ("abc", {}, "50 samples of the training part of text.txt.*at most the 0 places"),
        (TEXT, {"samples": 1597}, "at most the 1596 places"),
        (TEXT, {"held_out": 193}, "193 samples of the validation part.*at most the 192 places"),
        (b"\xff\xfe" + 500 * b"a", {}, "no UTF-8 at byte 0"),
        (b"ab\0" * 500, {}, "a binary file"),
        ("a" * 2000, {}, "1 different characters"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 3000))), {}, "2400 different.*from 2 to 256"),
        (TEXT, {"context": 0}, "context = 0"),
        (TEXT, {"samples": 2.5}, "samples = 2.5"),
        (TEXT, {"encoding": "words"}, "encoding = 'words'"),
        (TEXT, {"seed": -1}, "seed = -1"),
    ],
)
def test_refusals(tmp_path, text, settings, message):
    with pytest.raises(InputError, match=message) as refusal:
        task_of(tmp_path, text, **settings)
    assert "\n" not in str(refusal.value)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        NextCharacter(str(tmp_path / "none.txt"))
    with pytest.raises(InputError, match="the folder"):
        NextCharacter(str(tmp_path))


def test_one_hot_inputs_beyond_memory_are_refused(tmp_path):
    text = "".join(map(chr, range(32, 32 + 90))) * 4000
    with pytest.raises(InputError, match="encoding='codes'"):
        task_of(tmp_path, text, context=100, samples=100_000)
    assert (
        task_of(tmp_path, text, context=100, samples=100_000, encoding="codes").samples == 100_000
    )
