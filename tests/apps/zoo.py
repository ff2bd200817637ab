#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many small PyTorch workloads in one script: zoo.py NAME --device cpu|cuda --frames N --out FILE.npz --times FILE

Knows nothing of rrto: run it natively, or under `rrto run`. `zoo.py --list` names the workloads. Weights and inputs are seeded; a frame is
one inference (of the language models: one generation). Each yields named arrays per frame, which --out stacks.
"""

import time

START = time.perf_counter()

import argparse
import functools
import json
import queue
import sys
import threading
from pathlib import Path

import numpy
import torch
from torch import nn
from torchvision import models

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))
WORKLOADS = {}


def workload(name, *arguments):
    """Registers a function (device, frames, *arguments) that yields a dictionary of CPU tensors per frame."""

    def register(function):
        WORKLOADS[name] = functools.partial(function, arguments=arguments) if arguments else function
        return function

    return register


def images(n_frames, size=224, channels=3):
    """Smooth pictures of changing content: seeded noise, enlarged."""
    generator = torch.Generator().manual_seed(7)
    for _ in range(n_frames):
        yield nn.functional.interpolate(torch.randn(1, channels, 14, 14, generator=generator), size=size, mode="bilinear")


def spread(model, pictures=None):
    """An untrained deep network says nearly the same of every image: a few of its own batch norms' statistics cure that."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = 1.0
    with torch.no_grad():
        model(torch.cat(list(images(4))) if pictures is None else pictures)
    return model.eval()


def build(name, **options):
    torch.manual_seed(1)
    return getattr(models, name)(weights=None, **options).eval()


# Image classifiers -------------------------------------------------------------------------------------------------------


def classifier(device, n_frames, arguments):
    (build_it,) = arguments
    model = build_it().to(device)
    for image in images(n_frames):
        with torch.no_grad():
            yield {"logits": model(image.to(device)).cpu()}


for _name in ("resnet18", "vgg19", "convnext_tiny", "convnext_large", "swin_t"):
    workload(_name, functools.partial(build, _name))(classifier)
workload("mobilenet_v3", lambda: spread(build("mobilenet_v3_large")))(classifier)
workload("efficientnet_b0", lambda: spread(build("efficientnet_b0")))(classifier)


def vision_transformer():
    model = build("vit_b_16")
    nn.init.normal_(model.heads.head.weight, std=0.05)  # zero by default
    return model


workload("vit_b_16", vision_transformer)(classifier)


@workload("resnet18_fp16")
def resnet18_fp16(device, n_frames):
    model = build("resnet18").to(device)
    for image in images(n_frames):
        with torch.no_grad(), torch.autocast(device, dtype=torch.float16):
            yield {"logits": model(image.to(device)).float().cpu()}


def image_app(device, n_frames, arguments):
    """Raw bytes up, prepared on the device; the five best down, as two outputs. Tensors of a frame die with it, or live until those of the
    next frame are there: then addresses alternate."""
    (held,) = arguments
    model = build("resnet18").to(device)
    mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225], device=device).view(3, 1, 1)
    for image in images(n_frames):
        pixels = (image[0].permute(1, 2, 0).sigmoid() * 255).to(torch.uint8)
        with torch.no_grad():
            x = (pixels.to(device).permute(2, 0, 1).float() / 255 - mean) / deviation
            best = model(x.unsqueeze(0)).softmax(dim=1).topk(5)
            result = {"values": best.values.cpu(), "indices": best.indices.cpu()}
        if not held:
            del x, best
        yield result


workload("image_app", False)(image_app)
workload("image_app_held", True)(image_app)


def two_models(device, n_frames, arguments):
    """resnet18 and vit_b_16, which of them decided per frame: in turn, or at random."""
    (at_random,) = arguments
    both = [build("resnet18").to(device), vision_transformer().to(device)]
    turns = torch.arange(n_frames) % 2
    if at_random:
        turns = torch.randint(0, 2, (n_frames,), generator=torch.Generator().manual_seed(11))
    for image, turn in zip(images(n_frames), turns.tolist()):
        with torch.no_grad():
            yield {"logits": both[turn](image.to(device)).cpu()}


workload("alternating", True)(two_models)
workload("in_turn", False)(two_models)


@workload("two_threads")
def two_threads(device, n_frames):
    """Two threads with a model each, on the same images; neither waits for the other."""
    both = {"logits": build("resnet18").to(device), "mask": unet_model().to(device)}
    results = {name: queue.Queue() for name in both}

    def work(name):
        with torch.no_grad():
            for image in images(n_frames, size=128):
                results[name].put(both[name](image.to(device)).cpu())

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in both]
    for thread in threads:
        thread.start()
    for _ in range(n_frames):
        yield {name: results[name].get() for name in both}
    for thread in threads:
        thread.join()


@workload("key_frames")
def key_frames(device, n_frames):
    """Each tenth frame goes through the whole network, the others as far as the middle, from where they are compared with it."""
    model = build("resnet18").to(device)
    trunk = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2)
    rest = nn.Sequential(model.layer3, model.layer4, model.avgpool, nn.Flatten(), model.fc)
    for index, image in enumerate(images(n_frames)):
        with torch.no_grad():
            x = trunk(image.to(device))
            if index % 10 == 0:
                key, logits = x, rest(x)
            yield {"logits": (logits * (1 + (x - key).abs().mean())).cpu()}


@workload("shapes")
def shapes(device, n_frames):
    """resnet18 on images of two sizes in turn, each tenth of a third."""
    model = build("resnet18").to(device)
    for index, image in enumerate(images(n_frames)):
        size = 160 if index % 10 == 9 else (224, 192)[index % 2]
        with torch.no_grad():
            yield {"logits": model(image[:, :, :size, :size].to(device)).cpu()}


@workload("early_exit")
def early_exit(device, n_frames):
    """A network that stops half-way when its answer is sure enough: the program asks the device."""
    model = build("resnet18").to(device)
    torch.manual_seed(4)
    glance = nn.Linear(128, 1).to(device)
    trunk = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2)
    rest = nn.Sequential(model.layer3, model.layer4, model.avgpool, nn.Flatten(), model.fc)
    sureness = []
    for image in images(n_frames):
        with torch.no_grad():
            x = trunk(image.to(device))
            sure = glance(x.mean((2, 3))).item()
            sureness.append(sure)
            middle = sum(sureness) / len(sureness)
            logits = rest(x).cpu() if sure <= middle else torch.full((1, 1000), sure)
            yield {"logits": logits}


# Segmentation --------------------------------------------------------------------------------------------------------------


class UNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.down1, self.down2, self.bottom = self.stage(3, width), self.stage(width, 2 * width), self.stage(2 * width, 4 * width)
        self.up2, self.up1 = self.stage(6 * width, 2 * width), self.stage(3 * width, width)
        self.pool, self.grow = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Conv2d(width, 3, 1)

    @staticmethod
    def stage(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.GroupNorm(4, n_out), nn.SiLU())

    def forward(self, x):
        one = self.down1(x)
        two = self.down2(self.pool(one))
        x = self.grow(self.bottom(self.pool(two)))
        x = self.grow(self.up2(torch.cat([x, two], dim=1)))
        return self.out(self.up1(torch.cat([x, one], dim=1)))


def unet_model():
    torch.manual_seed(1)
    return UNet().eval()


@workload("unet")
def unet(device, n_frames):
    model = unet_model().to(device)
    for image in images(n_frames, size=128):
        with torch.no_grad():
            yield {"mask": model(image.to(device)).cpu()}


# Language models -----------------------------------------------------------------------------------------------------------


def language_model(device, n_frames, arguments):
    """examples/generate.py with a growing cache, one with a fixed place per token, and in half precision."""
    import generate

    static, half = arguments
    n_tokens = 20
    torch.manual_seed(5)
    model = generate.Gpt().eval().to(device)
    if half:
        model = model.half()
    if static:
        for block in model.blocks:
            block.attention = StaticAttention(block.attention)
    for index in range(n_frames):
        prompt = torch.arange(generate.PROMPT).mul(7 + 2 * index).add(31 * index).remainder(generate.VOCABULARY)
        tokens, logits = generate.generate(model, prompt.unsqueeze(0).to(device), n_tokens, [])
        yield {"tokens": torch.tensor([tokens]), "logits": logits.float().unsqueeze(0)}


class StaticAttention(nn.Module):
    """As generate.Attention, with a cache of fixed size that each token is written into."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x, mask, cache):
        import generate

        batch, n, _ = x.shape
        q, k, v = self.attention.qkv(x).view(batch, n, 3, generate.HEADS, -1).permute(2, 0, 3, 1, 4)
        if cache is None:
            shape = (batch, generate.HEADS, generate.CONTEXT, q.shape[-1])
            self.keys, self.values, self.past = x.new_zeros(shape), x.new_zeros(shape), 0
        places = torch.arange(self.past, self.past + n, device=x.device)
        self.keys.index_copy_(2, places, k)
        self.values.index_copy_(2, places, v)
        self.past += n
        # The mask ends with what has been seen: what lies beyond is hidden.
        hidden = torch.full((n, generate.CONTEXT - self.past), float("-inf"), device=x.device, dtype=x.dtype)
        scores = q @ self.keys.transpose(-2, -1) / q.shape[-1] ** 0.5 + torch.cat([mask, hidden], dim=1)
        mixed = torch.softmax(scores, dim=-1) @ self.values
        return self.attention.out(mixed.transpose(1, 2).reshape(batch, n, -1)), True


workload("gpt", False, False)(language_model)
workload("gpt_static", True, False)(language_model)
workload("gpt_fp16", False, True)(language_model)


# Detection and adaptation: the examples, and one more detector -----------------------------------------------------------------


@workload("ssdlite")
def ssdlite(device, n_frames):
    import detect
    from photo import load_photo

    photo = load_photo()
    model = detect.build_model(photo).to(device)
    for index in range(n_frames):
        found = detect.detect(model, detect.frame(photo, index), device)
        found = found[found[:, 5].sort(stable=True).indices]  # boxes of equal score may come in any order
        padded = torch.zeros(1, detect.MOST, 6)
        padded[0, : len(found)] = found
        yield {"boxes": padded}


@workload("fasterrcnn")
def fasterrcnn(device, n_frames):
    """Untrained, so calibrated as examples/detect.py does it: some tens of boxes pass, another number of them in each frame."""
    import detect
    from photo import load_photo
    from torchvision.models import detection

    photo = load_photo()
    torch.manual_seed(1)
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None, box_score_thresh=0.3).eval()
    pictures, _ = model.transform([detect.frame(photo, 8 * k) for k in range(4)])
    spread(model.backbone, pictures.tensors)
    with torch.no_grad():
        scores, rpn = model.roi_heads.box_predictor.cls_score, model.rpn.head
        for weight, factor in ((scores.weight, 40), (rpn.bbox_pred.weight, 20), (rpn.cls_logits.weight, 20)):
            weight.mul_(factor)
        scores.bias[0] += 4.0  # the background's
    model.to(device)
    for index in range(n_frames):
        with torch.no_grad():
            found = model([detect.frame(photo, index).to(device)])[0]
            padded = torch.zeros(1, 100, 5)
            padded[0, : len(found["boxes"])] = torch.cat([found["boxes"], found["scores"][:, None]], dim=1).cpu()
            yield {"boxes": padded}


def adaptation(device, n_frames, arguments):
    """With dropout, or without: then the CPU's results can be compared."""
    import adapt
    from photo import load_photo

    photo = load_photo()
    model = adapt.build_model(12, *arguments).to(device)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2, momentum=0.9)
    for index in range(n_frames):
        yield {"logits": adapt.adapt(model, optimizer, adapt.batch(photo, index, 2), device).unsqueeze(0)}


def adaptation_vit_b(device, n_frames, arguments):
    """The adaptation step on ViT-B/16 and four images: much work for a CPU. With momentum, the second step is the first to scale it."""
    import adapt

    (momentum,) = arguments
    torch.manual_seed(2)
    model = models.vit_b_16(weights=None, dropout=0.1).to(device).train().requires_grad_(False)
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    optimizer = torch.optim.SGD([p.requires_grad_() for m in norms for p in m.parameters()], lr=1e-2, momentum=momentum)
    for _ in range(n_frames):
        batch = torch.cat(list(images(4)))
        yield {"logits": adapt.adapt(model, optimizer, batch, device).unsqueeze(0)}


workload("adapt_vit_b", 0.0)(adaptation_vit_b)
workload("adapt_vit_b_momentum", 0.9)(adaptation_vit_b)
workload("adapt", 0.1)(adaptation)
workload("adapt_no_dropout", 0.0)(adaptation)


# Recurrent networks --------------------------------------------------------------------------------------------------------


@workload("lstm")
def lstm(device, n_frames):
    torch.manual_seed(1)
    model, head = nn.LSTM(32, 64, 2).eval().to(device), nn.Linear(64, 10).to(device)
    for image in images(n_frames, size=32, channels=1):
        with torch.no_grad():
            yield {"logits": head(model(image[0, 0, :, None].to(device))[0][-1]).cpu()}


def recurrent(device, n_frames, arguments):
    """Each kind of recurrent network: both directions, the batch first, no biases, sequences of several lengths."""
    (dtype,) = arguments
    torch.manual_seed(1)
    networks = {
        "lstm": nn.LSTM(32, 24, 2, bidirectional=True, batch_first=True),
        "gru": nn.GRU(32, 24, 2, bidirectional=True),
        "tanh": nn.RNN(32, 24, bias=False),
        "relu": nn.RNN(32, 24, nonlinearity="relu"),
    }
    networks = {name: network.eval().to(device, dtype) for name, network in networks.items()}
    for image in images(n_frames, size=32, channels=3):
        batch = image[0].transpose(0, 1).to(device, dtype)  # 32 steps of 3 sequences
        packed = nn.utils.rnn.pack_padded_sequence(batch, [32, 17, 3])
        outputs = {}
        with torch.no_grad():
            for name, network in networks.items():
                outputs[name], states = network(batch)
                outputs[name + "_state"] = states[0] if isinstance(states, tuple) else states
            for name in ("lstm", "gru"):
                outputs[name + "_packed"] = nn.utils.rnn.pad_packed_sequence(networks[name](packed)[0])[0]
        yield {name: output.float().cpu() for name, output in outputs.items()}


workload("recurrent", torch.float)(recurrent)
workload("recurrent_fp16", torch.half)(recurrent)


# CUDA graphs ---------------------------------------------------------------------------------------------------------------


@workload("graph")
def graph(device, n_frames):
    model = build("resnet18").to(device)
    place = torch.zeros(1, 3, 224, 224, device=device)
    with torch.no_grad():
        model(place)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            logits = model(place)
        for image in images(n_frames):
            place.copy_(image)
            recorded.replay()
            yield {"logits": logits.cpu()}


@workload("graphed_steps")
def graphed_steps(device, n_frames):
    """Training steps of a small network whose forward and backward passes are graphs."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10)).to(device)
    inputs = list(images(n_frames, size=32, channels=1))
    run = model if device == "cpu" else torch.cuda.make_graphed_callables(model, (inputs[0].to(device),))
    for image in inputs:
        loss = run(image.to(device)).square().sum()
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.001 * parameter.grad
        yield {"loss": loss.detach().cpu().view(1, 1), "bias": model[3].bias.detach().cpu().clone().view(1, -1)}


@workload("graph_dropout")
def graph_dropout(device, n_frames):
    """Dropout in a graph draws what it would draw outside: the generator's state is read at each launch."""
    x = torch.ones(5000, device=device)
    recorded = torch.cuda.CUDAGraph()
    nn.functional.dropout(x, 0.5)
    with torch.cuda.graph(recorded):
        y = nn.functional.dropout(x, 0.5)
    torch.manual_seed(7)
    drawn = []
    for _ in range(n_frames):
        recorded.replay()
        drawn.append(y.cpu())
    torch.manual_seed(7)
    for one in drawn:
        if not torch.equal(nn.functional.dropout(x, 0.5).cpu(), one):
            raise SystemExit("the graph draws other numbers")
        yield {"drawn": one.view(1, -1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=sorted(WORKLOADS))
    parser.add_argument("--list", action="store_true", help="name the workloads")
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--out", help="write the results of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()
    if options.list or not options.name:
        print("\n".join(WORKLOADS))
        return

    results, times, begin = {}, [], time.perf_counter()
    load_ms = (begin - START) * 1e3
    for index, arrays in enumerate(WORKLOADS[options.name](options.device, options.frames)):
        times.append((time.perf_counter() - begin) * 1e3)
        for name, array in arrays.items():
            results.setdefault(name, []).append(array[0].numpy())
        begin = time.perf_counter()
    print(f"{options.name}: {len(times)} frames, " + ", ".join(f"{k} {v[0].shape}" for k, v in results.items()))
    if options.out:
        numpy.savez(options.out, **{name: numpy.stack(arrays) for name, arrays in results.items()})
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:]}, file)


if __name__ == "__main__":
    main()
