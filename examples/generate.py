# SPDX-License-Identifier: Apache-2.0
"""Greedy text generation with a small GPT: a decode loop whose key/value cache grows by torch.cat, one `.item()` per token.

The weights are seeded, not trained. A frame is one generation of --tokens tokens from its own prompt; times are per token.
"""

import time

START = time.perf_counter()

import argparse
import json
import math

import numpy
import torch
from torch import nn

VOCABULARY, LAYERS, HEADS, WIDTH, CONTEXT, PROMPT = 512, 4, 4, 128, 256, 16


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask, cache):
        batch, n, _ = x.shape
        q, k, v = self.qkv(x).view(batch, n, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if cache is not None:
            k = torch.cat([cache[0], k], dim=2)
            v = torch.cat([cache[1], v], dim=2)
        scores = q @ k.transpose(-2, -1) / math.sqrt(WIDTH // HEADS) + mask
        mixed = torch.softmax(scores, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, n, WIDTH)), (k, v)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, mask, cache):
        mixed, cache = self.attention(self.norm1(x), mask, cache)
        x = x + mixed
        return x + self.mlp(self.norm2(x)), cache


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        nn.init.normal_(self.head.weight)  # spreads the logits of an untrained model: no near ties
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1))

    def forward(self, tokens, past, caches):
        n = tokens.shape[1]
        x = self.tokens(tokens) + self.positions(torch.arange(past, past + n, device=tokens.device))
        mask = self.mask[past : past + n, : past + n]
        for index, block in enumerate(self.blocks):
            x, caches[index] = block(x, mask, caches[index])
        return self.head(self.norm(x[:, -1]))


@torch.no_grad()
def generate(model, prompt, n_tokens, times):
    """The tokens that the model continues the prompt with, and the logits that each was chosen from."""
    tokens, logits, caches, past = [], [], [None] * LAYERS, 0
    for _ in range(n_tokens):
        begin = time.perf_counter()
        logits.append(model(prompt, past, caches))
        past += prompt.shape[1]
        prompt = logits[-1].argmax(dim=-1, keepdim=True)
        tokens.append(prompt.item())
        times.append((time.perf_counter() - begin) * 1e3)
    return tokens, torch.cat(logits).cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=3, help="how many prompts to continue")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--out", help="write tokens and logits of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()

    torch.manual_seed(5)
    model = Gpt().eval().to(options.device)
    load_ms = (time.perf_counter() - START) * 1e3

    tokens, logits, times, margin = [], [], [], math.inf
    for index in range(options.frames):
        prompt = torch.arange(PROMPT).mul(7 + 2 * index).add(31 * index).remainder(VOCABULARY)
        frame_tokens, frame_logits = generate(model, prompt.unsqueeze(0).to(options.device), options.tokens, times)
        best = frame_logits.topk(2).values
        margin = min(margin, (best[:, 0] - best[:, 1]).min().item())
        tokens.append(frame_tokens)
        logits.append(frame_logits.numpy())
        print(f"frame {index}:", *frame_tokens)
    print(f"smallest top-2 margin: {margin:.6f}")

    if options.out:
        numpy.savez(options.out, tokens=numpy.array(tokens), logits=numpy.stack(logits))
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:]}, file)


if __name__ == "__main__":
    main()
