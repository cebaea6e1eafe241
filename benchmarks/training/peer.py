"""The models of benchmarks/training in PyTorch, driven line by line over standard input and output.

Reads one JSON object a line: {"do": "open", "model": NAME, "mode": "eager"|"compile", "threads": N, "device": "cpu"|"cuda"}, {"do": "steps", "n": N} or {"do": "memory"};
answers one JSON object a line. Steps are timed one by one in milliseconds: forward, backward and update. `compile` is the peer at its best: torch.compile and the fused Adam.
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

SHAPES = {
    # vocabulary, width, layers, heads, batch, tokens
    "gpt": (8192, 256, 4, 4, 16, 128),
    "bert": (8192, 256, 4, 4, 16, 128),
    "char": (65, 128, 4, 4, 12, 64),
}


class Block(nn.Module):
    """Transformer block: pre-norm and causal (GPT), or post-norm and bidirectional (BERT)."""

    def __init__(self, causal, width, heads):
        super().__init__()
        self.causal, self.heads = causal, heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x):
        n, t, width = x.shape
        q, k, v = (z.view(n, t, self.heads, -1).transpose(1, 2) for z in self.qkv(x).split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.proj(y.transpose(1, 2).reshape(n, t, width))

    def forward(self, x):
        if self.causal:
            x = x + self.attend(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))
        x = self.norm1(x + self.attend(x))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Transformer(nn.Module):
    def __init__(self, causal, vocabulary, width, layers, heads, tokens):
        super().__init__()
        self.causal = causal
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(tokens, width)
        self.blocks = nn.ModuleList(Block(causal, width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        if not causal:
            self.transform = nn.Linear(width, width)
            self.bias = nn.Parameter(torch.zeros(vocabulary))
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight
        if not self.causal:
            x = self.norm(x)
        for block in self.blocks:
            x = block(x)
        if self.causal:
            return self.norm(x) @ self.tokens.weight.T
        return F.gelu(self.transform(x)) @ self.tokens.weight.T + self.bias


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(128, 256, batch_first=True), nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Residual(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.short = (
            nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)) if stride > 1 else nn.Identity()
        )

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.short(x))


class Cnn(nn.Module):
    """3 × 32 × 32 images; residual blocks of 32, 64 and 128 channels."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(Residual(32, 32, 1), Residual(32, 64, 2), Residual(64, 128, 2))
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.blocks(F.relu(self.bn(self.stem(x)))).mean(dim=(2, 3)))


def model_of(name):
    """The model and one batch."""
    g = torch.Generator().manual_seed(1)
    labels = lambda n: torch.randint(0, 10, (n,), generator=g)
    floats = lambda *shape: torch.randn(*shape, generator=g)
    if name in SHAPES:
        vocabulary, width, layers, heads, batch, length = SHAPES[name]
        tokens = lambda: torch.randint(0, vocabulary, (batch, length), generator=g)
        return Transformer(name != "bert", vocabulary, width, layers, heads, length), tokens(), tokens()
    if name == "mlp":
        net = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
        return net, floats(128, 784), labels(128)
    if name == "lstm":
        return Lstm(), floats(32, 64, 128), labels(32)
    if name == "cnn":
        return Cnn(), floats(64, 3, 32, 32), labels(64)
    raise ValueError(f"unknown model {name}")


def open_model(name, mode, threads, device):
    torch.manual_seed(1)
    torch.set_num_threads(threads)
    model, x, y = model_of(name)
    model, x, y = model.to(device), x.to(device), y.to(device)
    run = torch.compile(model) if mode == "compile" else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **({"fused": True} if mode == "compile" else {}))

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = run(x)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()  # waits for the device

    return step


def main():
    step = None
    for line in sys.stdin:
        ask = json.loads(line)
        if ask["do"] == "open":
            began = time.perf_counter()
            step = open_model(ask["model"], ask["mode"], ask["threads"], ask.get("device", "cpu"))
            loss = step()
            answer = {"open_ms": 1000 * (time.perf_counter() - began), "loss": loss}
        elif ask["do"] == "steps":
            ms = []
            for _ in range(ask["n"]):
                began = time.perf_counter()
                loss = step()
                ms.append(1000 * (time.perf_counter() - began))
            answer = {"ms": ms, "loss": loss}
        else:
            answer = {"peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "version": torch.__version__}
        print(json.dumps(answer), flush=True)


main()
