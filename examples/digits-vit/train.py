"""Trains a tiny ViT on scikit-learn's handwritten digits and writes it as a Hugging Face folder.

Data: sklearn.datasets.load_digits, 1,797 gray images of 8x8 with values 0..16. Each is scaled to 0..255, enlarged to
16x16 by repeating pixels and repeated on three channels, so that the model takes an ordinary RGB image.

Deterministic: the same versions on the same kind of CPU give the same bytes. Takes about three minutes on one core.

    pip install -r ../requirements.txt
    python train.py
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import sklearn
import torch
import transformers
from PIL import Image
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

SEED = 0
SIDE = 16
EPOCHS = 240
BATCH = 64
PEAK_LEARNING_RATE = 2e-3
HELDOUT_SAMPLE = 60
FOLDER = Path(__file__).resolve().parent
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def to_rgb(gray: np.ndarray) -> np.ndarray:
    """[n, 8, 8] with values 0..16 -> uint8 [n, 3, 16, 16] with values 0..255."""
    scaled = np.rint(gray * (255 / 16)).astype(np.uint8)
    enlarged = scaled.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
    return np.repeat(enlarged[:, None], 3, axis=1)


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random scaling, shear, rotation, shift, contrast and noise of float images [n, 3, 16, 16] with values 0..255."""
    n = images.shape[0]

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    angle, scale, shear = uniform(-0.15, 0.15), uniform(0.9, 1.1), uniform(-0.1, 0.1)
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0] = scale * angle.cos()
    affine[:, 0, 1] = -scale * angle.sin() + shear
    affine[:, 1, 0] = scale * angle.sin()
    affine[:, 1, 1] = scale * angle.cos()
    affine[:, :, 2] = torch.stack([uniform(-0.2, 0.2), uniform(-0.15, 0.15)], dim=1)
    grid = torch.nn.functional.affine_grid(affine, list(images.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(images, grid, align_corners=False)
    contrast = uniform(0.75, 1.1)[:, None, None, None]
    noise = torch.randn(n, 1, SIDE, SIDE, generator=generator) * 8
    return (moved * contrast + noise).clamp(0, 255)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)

    digits = load_digits()
    train_images, heldout_images, train_labels, heldout_labels = train_test_split(
        to_rgb(digits.images), digits.target, test_size=0.2, random_state=SEED, stratify=digits.target
    )

    # One mean and deviation per channel, all different: a model that gets its channels in the wrong order shows it.
    processor = ViTImageProcessor(
        size={"height": SIDE, "width": SIDE},
        resample=Image.Resampling.NEAREST,
        image_mean=IMAGENET_DEFAULT_MEAN,
        image_std=IMAGENET_DEFAULT_STD,
    )
    mean = torch.tensor(processor.image_mean)[:, None, None]
    std = torch.tensor(processor.image_std)[:, None, None]

    model = ViTForImageClassification(
        ViTConfig(
            image_size=SIDE,
            patch_size=4,
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=96,
            id2label=dict(enumerate(LABELS)),
            label2id={label: index for index, label in enumerate(LABELS)},
        )
    )

    images = torch.from_numpy(train_images).float()
    labels = torch.from_numpy(train_labels)
    steps_per_epoch = len(images) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=PEAK_LEARNING_RATE, total_steps=EPOCHS * steps_per_epoch
    )
    model.train()
    for epoch in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for step in range(steps_per_epoch):
            batch = order[step * BATCH : (step + 1) * BATCH]
            pixels = (augment(images[batch], generator) / 255 - mean) / std
            logits = model(pixel_values=pixels).logits
            loss = torch.nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:3d}  loss {total / steps_per_epoch:.4f}", flush=True)
    model.eval()

    def predict(batch: np.ndarray, dtype: torch.dtype = torch.float32) -> np.ndarray:
        pixels = processor(list(batch), return_tensors="pt", input_data_format="channels_first")["pixel_values"]
        with torch.no_grad():
            return model.to(dtype)(pixel_values=pixels.to(dtype)).logits.argmax(-1).numpy()

    heldout_accuracy = float((predict(heldout_images) == heldout_labels).mean())
    heldout_accuracy_float16 = float((predict(heldout_images, torch.float16) == heldout_labels).mean())
    model.float()

    model.save_pretrained(FOLDER / "model")
    processor.save_pretrained(FOLDER / "model")

    heldout_folder = FOLDER / "heldout"
    heldout_folder.mkdir(exist_ok=True)
    # The first of the split, right and wrong answers alike.
    sample_images, sample_labels = heldout_images[:HELDOUT_SAMPLE], heldout_labels[:HELDOUT_SAMPLE]
    save_file(
        {"image": sample_images, "label": sample_labels.astype(np.int32)}, heldout_folder / "heldout.safetensors"
    )
    for digit in (3, 7):
        first = sample_images[np.flatnonzero(sample_labels == digit)[0]]
        Image.fromarray(first.transpose(1, 2, 0)).save(heldout_folder / f"{LABELS[digit]}.png", optimize=True)

    weights = (FOLDER / "model" / "model.safetensors").read_bytes()
    metrics = {
        "heldout_accuracy": round(heldout_accuracy, 4),
        "heldout_accuracy_float16": round(heldout_accuracy_float16, 4),
        "heldout_sample_accuracy": round(float((predict(sample_images) == sample_labels).mean()), 4),
        "train_images": len(train_images),
        "heldout_images": len(heldout_images),
        "heldout_sample_images": len(sample_images),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "model_bytes": len(weights),
        "model_sha256": hashlib.sha256(weights).hexdigest(),
        "seed": SEED,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }
    (FOLDER / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
