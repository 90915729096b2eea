"""Trains a tiny BERT that tells eight languages apart, with its own WordPiece tokenizer, as a Hugging Face folder.

Training texts are random words of one language, about a third of them frequent ones (articles, pronouns, auxiliaries).
One word in ten of the word lists is held out, so that the accuracy is measured on words the model has never seen.

Deterministic: the same versions and word lists on the same kind of CPU give the same bytes. Takes about five minutes
on one core.

    apt-get install wamerican wngerman wfrench wspanish witalian wportuguese wdutch wswedish
    pip install -r ../requirements.txt
    python train.py
"""

import hashlib
import json
import platform
import random
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from sentences import PHRASES, SENTENCES
from words import LANGUAGES, Vocabulary, read_vocabulary, strip_accents

SEED = 0
WORDS_PER_LANGUAGE = 100_000
VOCABULARY_SIZE = 2000
MAX_TOKENS = 64
STEPS = 4000
BATCH = 64
PEAK_LEARNING_RATE = 2e-3
HELDOUT_PER_LANGUAGE = 500
HELDOUT_SAMPLE_PER_LANGUAGE = 8
FOLDER = Path(__file__).resolve().parent
SPECIAL_TOKENS = {
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"
}


def train_tokenizer(vocabularies: list[Vocabulary]) -> BertTokenizerFast:
    """Lower-casing WordPiece that keeps diacritics; function words are counted twenty times to become whole tokens."""
    normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    corpus = [word for v in vocabularies for word in (*(v.common + v.function) * 20, *v.train[:30_000])]
    alphabet = sorted({*"0123456789.,!?'-¿¡", *(c for word in corpus for c in normalizer.normalize_str(word))})

    # The trainer meets the "##" letters in the random order of a hash map, and their ids decide ties between merges.
    # Passed as special tokens they get fixed ids; the tokenizer below is built from the vocabulary, without that mark.
    trainee = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trainee.normalizer, trainee.pre_tokenizer = normalizer, pre_tokenizer
    trainee.train_from_iterator(
        corpus,
        trainers.WordPieceTrainer(
            vocab_size=VOCABULARY_SIZE,
            special_tokens=[*SPECIAL_TOKENS.values(), *(f"##{c}" for c in alphabet if c.isalpha())],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )

    tokenizer = Tokenizer(models.WordPiece(trainee.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    cls_id, sep_id = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls_id), ("[SEP]", sep_id)],
    )
    return BertTokenizerFast(
        tokenizer_object=tokenizer,
        do_lower_case=True,
        strip_accents=False,
        model_max_length=MAX_TOKENS,
        **SPECIAL_TOKENS,
    )


class Sampler:
    """Draws training batches. Words are tokenised once: WordPiece never looks across the space between two words."""

    def __init__(self, tokenizer: BertTokenizerFast, vocabularies: list[Vocabulary]) -> None:
        self.random = random.Random(SEED)
        self.cls, self.sep, self.pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
        self.punctuation = {
            mark: tokenizer(mark, add_special_tokens=False)["input_ids"] for mark in (",", ".", "?", "!")
        }

        def encode(words: list[str]) -> list[list[int]]:
            return tokenizer(words, add_special_tokens=False)["input_ids"]

        # pools[accents stripped][language] = (common words, function words, other words)
        self.pools = [
            [
                tuple(encode([spell(word) for word in words]) for words in (v.common, v.function, v.train))
                for v in vocabularies
            ]
            for spell in (str, strip_accents)
        ]

    def sentence(self, language: int, longest: int) -> list[int]:
        draw = self.random
        pools = self.pools[draw.random() < 0.15][language]
        # Two texts in five have neither common nor function words: as the held-out texts, which have none.
        shares = (30, 25, 45) if draw.random() < 0.6 else (0, 0, 1)
        ids = [self.cls]
        for _ in range(draw.randint(2, longest)):
            ids += draw.choice(draw.choices(pools, shares)[0])
            if draw.random() < 0.03:
                ids += self.punctuation[","]
        if draw.random() < 0.3:
            ids += self.punctuation[draw.choice(".?!")]
        return [*ids[: MAX_TOKENS - 1], self.sep]

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """input_ids and attention_mask [n, longest], label [n]."""
        longest = 20 if self.random.random() < 0.1 else 8
        labels = [self.random.randrange(len(LANGUAGES)) for _ in range(BATCH)]
        rows = [torch.tensor(self.sentence(label, longest)) for label in labels]
        input_ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.pad)
        return input_ids, (input_ids != self.pad).long(), torch.tensor(labels)


def train(tokenizer: BertTokenizerFast, vocabularies: list[Vocabulary]) -> BertForSequenceClassification:
    names = [language.name for language in LANGUAGES]
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=128,
            max_position_embeddings=MAX_TOKENS,
            hidden_dropout_prob=0.05,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.05,
            pad_token_id=tokenizer.pad_token_id,
            id2label=dict(enumerate(names)),
            label2id={name: index for index, name in enumerate(names)},
        )
    )
    sampler = Sampler(tokenizer, vocabularies)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=PEAK_LEARNING_RATE, total_steps=STEPS)
    model.train()
    total = 0.0
    for step in range(1, STEPS + 1):
        input_ids, attention_mask, labels = sampler.batch()
        logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 250 == 0:
            print(f"step {step:5d}  loss {total / 250:.4f}", flush=True)
            total = 0.0
    return model.eval()


def heldout_texts(vocabularies: list[Vocabulary], words: int, seed: int) -> list[tuple[str, int]]:
    """Texts of `words` held-out words, the languages taking turns."""
    draw = random.Random(seed)
    return [
        (" ".join(draw.sample(vocabulary.heldout, words)), label)
        for _ in range(HELDOUT_PER_LANGUAGE)
        for label, vocabulary in enumerate(vocabularies)
    ]


def predict(
    model: BertForSequenceClassification, tokenizer: BertTokenizerFast, texts: list[str]
) -> np.ndarray:
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return model(**encoded).logits.float().argmax(-1).numpy()


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    vocabularies = [read_vocabulary(language, WORDS_PER_LANGUAGE, SEED) for language in LANGUAGES]
    tokenizer = train_tokenizer(vocabularies)
    # Saved before use: a call with padding or truncation would leave these settings in tokenizer.json.
    tokenizer.save_pretrained(FOLDER / "model")
    model = train(tokenizer, vocabularies)

    def accuracy(texts: list[tuple[str, int]]) -> float:
        predicted = predict(model, tokenizer, [text for text, _ in texts])
        return round(float((predicted == [label for _, label in texts]).mean()), 4)

    five_words = heldout_texts(vocabularies, 5, SEED + 1)
    names = [language.name for language in LANGUAGES]
    sentences, phrases = (
        [(text, names.index(name)) for name, texts in by_name.items() for text in texts]
        for by_name in (SENTENCES, PHRASES)
    )
    by_language = {
        name: accuracy([(text, label) for text, label in five_words if names[label] == name]) for name in names
    }
    measured = {
        "heldout_accuracy": accuracy(five_words),
        "heldout_accuracy_by_language": by_language,
        "heldout_accuracy_without_diacritics": accuracy([(strip_accents(text), label) for text, label in five_words]),
        "heldout_accuracy_3_words": accuracy(heldout_texts(vocabularies, 3, SEED + 2)),
        "heldout_accuracy_8_words": accuracy(heldout_texts(vocabularies, 8, SEED + 3)),
        "sentences_accuracy": accuracy(sentences),
        "phrases_accuracy": accuracy(phrases),
    }
    model.half()
    measured["heldout_accuracy_float16"] = accuracy(five_words)
    model.float()

    folder = FOLDER / "model"
    model.save_pretrained(folder)
    sample = five_words[: HELDOUT_SAMPLE_PER_LANGUAGE * len(LANGUAGES)]

    def labelled(texts: list[tuple[str, int]]) -> list[dict[str, str]]:
        return [{"text": text, "label": names[label]} for text, label in texts]

    (FOLDER / "heldout").mkdir(exist_ok=True)
    texts = {"heldout": labelled(sample), "sentences": labelled(sentences), "phrases": labelled(phrases)}
    (FOLDER / "heldout" / "heldout.json").write_text(
        json.dumps(texts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    weights = (folder / "model.safetensors").read_bytes()
    metrics = {
        **measured,
        "heldout_sample_accuracy": accuracy(sample),
        "heldout_texts": len(five_words),
        "heldout_sample_texts": len(sample),
        "sentences": len(sentences),
        "phrases": len(phrases),
        "train_texts": STEPS * BATCH,
        "word_lists": {
            language.name: {
                "file": language.word_list,
                "sha256": vocabulary.word_list_sha256,
                "train_words": len(vocabulary.train),
                "heldout_words": len(vocabulary.heldout),
                "common_and_function_words": len({*vocabulary.common, *vocabulary.function}),
            }
            for language, vocabulary in zip(LANGUAGES, vocabularies, strict=True)
        },
        "vocabulary": len(tokenizer),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "model_bytes": len(weights),
        "model_sha256": hashlib.sha256(weights).hexdigest(),
        "seed": SEED,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
    (FOLDER / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
