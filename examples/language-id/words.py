"""Reads the word lists of eight languages and splits them into training and held-out words."""

import hashlib
import random
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from stopwordsiso import stopwords

LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Language:
    name: str
    code: str
    word_list: str
    """File of the Debian package; examples/README.md names the packages and their licences."""
    common_words: str
    """The most frequent words of running text, elided forms included. A word list has no frequencies to draw by."""
    encoding: str = "utf-8"


LANGUAGES = (
    Language(
        "English",
        "en",
        "american-english",
        "the of and to a in is it that was for on you i he she we they are with at this not have be where what how my "
        "it's don't i'm",
    ),
    Language(
        "German",
        "de",
        "ngerman",
        "der die das und ist in den von zu mit ein eine nicht ich du er sie wir es auf für im dem sich auch wo was "
        "wie mein an",
    ),
    Language(
        "French",
        "fr",
        "french",
        "le la les de des du et est un une à il elle je nous vous que qui pas dans en sur pour ce où y a mon l' d' j' "
        "c' n' s' m' t' qu'",
    ),
    Language(
        "Spanish",
        "es",
        "spanish",
        "el la los las de del y es un una en que no a por con para se lo yo mi está dónde qué cómo al su o e u",
    ),
    Language(
        "Italian",
        "it",
        "italian",
        "il la lo i gli le di del della e è un una in che non a per con si mi dove cosa come al sono ho io o l' d' c' "
        "un' all' dell' nell'",
    ),
    Language(
        "Portuguese",
        "pt",
        "portuguese",
        "o a os as de do da e é um uma em que não por com para se eu no na onde como está ao meu mais à",
    ),
    Language(
        "Dutch",
        "nl",
        "dutch",
        "de het een en van is in op te dat die niet ik je hij zij wij met voor aan er waar wat hoe mijn zijn ook u 't",
    ),
    Language(
        "Swedish",
        "sv",
        "swedish",
        "och i att det en ett som är på för med den av inte jag du han hon vi de var vad hur min till har om å",
        encoding="latin-1",
    ),
)
WORD_LIST_FOLDER = Path("/usr/share/dict")


@dataclass(frozen=True)
class Vocabulary:
    """Words of one language; `function` words are articles, pronouns, auxiliaries..., `common` the commonest ones."""

    common: list[str]
    function: list[str]
    train: list[str]
    heldout: list[str]
    word_list_sha256: str


def strip_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def is_heldout(word: str) -> bool:
    """One word in ten, decided by its lower-cased, accent-free letters: the same answer in every language."""
    return hashlib.sha256(strip_accents(word.lower()).encode()).digest()[0] % 10 == 0


def read_vocabulary(language: Language, limit: int, seed: int) -> Vocabulary:
    """Letters-only words; capitalised ones (names) are left out except in German, where every noun is one.

    `limit` caps the training words, chosen at random. No held-out word is a common or a function word of
    its own language, spelled the same.
    """
    data = (WORD_LIST_FOLDER / language.word_list).read_bytes()
    keeps_capitals = language.code == "de"
    words = {
        unicodedata.normalize("NFC", word)
        for word in data.decode(language.encoding).split()
        if LETTERS.fullmatch(word) and len(word) > 1 and not word.isupper() and (keeps_capitals or word.islower())
    }
    # The function word lists hold abbreviations and country codes: what is that short must be in the word list too.
    function = {
        word for word in stopwords(language.code) if LETTERS.fullmatch(word) and (len(word) > 2 or word in words)
    }
    common = language.common_words.split()
    plain = sorted(words - function - set(common))
    train = [word for word in plain if not is_heldout(word)]
    heldout = [word for word in plain if is_heldout(word)]
    random.Random(seed).shuffle(train)
    return Vocabulary(common, sorted(function), train[:limit], heldout, hashlib.sha256(data).hexdigest())
