/** Small tokenizers of the three models that checkpoints come with, every id below 60. */

const letters = [..."abcdefghijklmnopqrstuvwxyz"];
const vocabularyOf = (pieces: readonly string[]): Record<string, number> =>
  Object.fromEntries(pieces.map((piece, id) => [piece, id]));
const special = (names: readonly string[]): object[] =>
  names.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));

/** One text, or two, between the tokens that begin and end it. */
const template = (begin: string, end: string, ids: readonly [number, number]): object => {
  const token = (id: string, segment: number): object => ({ SpecialToken: { id, type_id: segment } });
  const text = (id: string, segment: number): object => ({ Sequence: { id, type_id: segment } });
  return {
    type: "TemplateProcessing",
    single: [token(begin, 0), text("A", 0), token(end, 0)],
    pair: [token(begin, 0), text("A", 0), token(end, 0), text("B", 1), token(end, 1)],
    special_tokens: {
      [begin]: { id: begin, ids: [ids[0]], tokens: [begin] },
      [end]: { id: end, ids: [ids[1]], tokens: [end] },
    },
  };
};

const file = (rest: object): object => ({ version: "1.0", truncation: null, padding: null, ...rest });

const wordPieceSpecials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
export const wordPiece = file({
  added_tokens: special(wordPieceSpecials),
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: template("[CLS]", "[SEP]", [2, 3]),
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: vocabularyOf([...wordPieceSpecials, ...letters, ...letters.map((l) => `##${l}`)]),
  },
});
export const wordPieceConfig = {
  tokenizer_class: "BertTokenizer",
  do_lower_case: true,
  model_max_length: 24,
  pad_token: "[PAD]",
  unk_token: "[UNK]",
  cls_token: "[CLS]",
  sep_token: "[SEP]",
  mask_token: "[MASK]",
  clean_up_tokenization_spaces: true,
  added_tokens_decoder: { 0: special(wordPieceSpecials)[0] },
};

const byteSpecials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
export const byteLevel = file({
  added_tokens: special(byteSpecials),
  normalizer: null,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: { Regex: "'s|'t| ?\\p{L}+| ?\\p{N}+|\\s+(?!\\S)|\\s+" },
        behavior: "Isolated",
        invert: false,
      },
      { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: {
    type: "RobertaProcessing",
    sep: ["</s>", 2],
    cls: ["<s>", 0],
    trim_offsets: true,
    add_prefix_space: true,
  },
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: "<unk>",
    continuing_subword_prefix: "",
    end_of_word_suffix: "",
    fuse_unk: false,
    byte_fallback: false,
    vocab: vocabularyOf([...byteSpecials, ...letters, "Ġ", "H", ",", "!", "Ġt", "Ġth", "er", "in", "on", "Ġthe"]),
    merges: ["Ġ t", "Ġt h", "e r", "i n", "o n", "Ġth e"],
  },
});
export const byteLevelConfig = {
  tokenizer_class: "RobertaTokenizer",
  add_prefix_space: false,
  bos_token: "<s>",
  eos_token: "</s>",
  pad_token: {
    __type: "AddedToken",
    content: "<pad>",
    lstrip: false,
    normalized: true,
    rstrip: false,
    single_word: false,
  },
  unk_token: "<unk>",
  mask_token: "<mask>",
  model_max_length: 24,
};

const unigramSpecials = ["<pad>", "</s>", "<unk>"];
export const unigram = file({
  added_tokens: special(unigramSpecials),
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "NFKC" },
      { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
      { type: "Replace", pattern: { String: "é" }, content: "e" },
      { type: "Lowercase" },
      { type: "StripAccents" },
      { type: "Strip", strip_left: true, strip_right: true },
      { type: "Prepend", prepend: "▁" },
    ],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "WhitespaceSplit" },
      { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
      { type: "Punctuation", behavior: "Isolated" },
      { type: "Digits", individual_digits: true },
    ],
  },
  post_processor: template("<pad>", "</s>", [0, 1]),
  decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  model: {
    type: "Unigram",
    unk_id: 2,
    byte_fallback: false,
    vocab: [...unigramSpecials, "▁", ...letters, "▁the", "er", "▁a"].map((piece, i) => [
      piece,
      i < 3 ? 0 : -2 - i / 10,
    ]),
  },
});
export const unigramConfig = {
  tokenizer_class: "T5Tokenizer",
  eos_token: "</s>",
  pad_token: "<pad>",
  unk_token: "<unk>",
  extra_ids: 0,
  legacy: true,
};
