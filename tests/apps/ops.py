#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small PyTorch operators, on the GPU and on the CPU, compared. Run it under `rrto run`, or natively.

Prints a line per operator that differs or fails, then totals; exit status 1 when any does. Arguments: parts of names to run only those."""

import sys

import torch
import torch.nn.functional as F
import torchvision

torch.manual_seed(0)
CASES = []
# Not here: exp2, prod and others that PyTorch compiles with NVRTC when they are first used.


def case(name, function, *inputs, tolerance=1e-4):
    CASES.append((name, function, inputs, tolerance))


def randn(*shape):
    return torch.randn(*shape)


def names():
    a, b, c = randn(3, 5, 7), randn(3, 5, 7), randn(3, 5, 7)
    big = randn(70, 1100)
    positive = a.abs() + 0.1
    i, j = torch.randint(-9, 9, (4, 6)), torch.randint(1, 9, (4, 6))
    mask = a > 0
    image = randn(2, 3, 17, 19)

    # arithmetic
    case("add", lambda x, y: x + y, a, b)
    case("add large", lambda x: x + x, big)
    case("add alpha", lambda x, y: torch.add(x, y, alpha=2.5), a, b)
    case("add scalar", lambda x: x + 1.5, a)
    case("add broadcast", lambda x, y: x + y, a, randn(7))
    case("add transposed", lambda x, y: x.transpose(0, 2) + y.transpose(0, 2), a, b)
    case("add int", lambda x, y: x + y, i, j)
    case("add int scalar", lambda x: x + 3, i)
    case("add mixed", lambda x, y: x + y, i, randn(4, 6))
    case("add half", lambda x, y: x + y, a.half(), b.half(), tolerance=1e-3)
    case("add bfloat16", lambda x, y: x + y, a.bfloat16(), b.bfloat16(), tolerance=1e-2)
    case("add double", lambda x, y: x + y, a.double(), b.double())
    case("sub", lambda x, y: x - y, a, b)
    case("rsub", lambda x: 2 - x, a)
    case("mul", lambda x, y: x * y, a, b)
    case("mul scalar", lambda x: x * 0.125, a)
    case("mul int", lambda x, y: x * y, i, j)
    case("mul half scalar", lambda x: x * 3, a.half(), tolerance=1e-3)
    case("div", lambda x, y: x / y, a, b)
    case("div scalar", lambda x: x / 8, a)
    case("div of scalar", lambda x: 1 / x, positive)
    case("floor div int", lambda x, y: x // y, i, j)
    case("floor div", lambda x, y: x // y, a, positive)
    case("floor div scalar", lambda x: x // 0.75, a)
    case("trunc div", lambda x, y: torch.div(x, y, rounding_mode="trunc"), a, b)
    case("remainder", lambda x, y: x % y, i, j)
    case("remainder float", lambda x: x % 0.7, a)
    case("fmod", lambda x: torch.fmod(x, 0.7), a)
    case("neg", lambda x: -x, a)
    case("abs", torch.abs, a)
    case("sign", torch.sign, a)
    case("maximum", torch.maximum, a, b)
    case("minimum", torch.minimum, a, b)
    case("pow 2", lambda x: x ** 2, a)
    case("pow 3", lambda x: x ** 3, a)
    case("pow -1", lambda x: x ** -1, positive)
    case("pow -2", lambda x: x ** -2, positive)
    case("pow 0.5", lambda x: x ** 0.5, positive)
    case("pow 1.7", lambda x: x ** 1.7, positive)
    case("pow tensor", lambda x, y: x ** y, positive, b)
    case("pow base", lambda x: 2.0 ** x, a)
    case("pow int", lambda x: x ** 3, i)
    case("addcmul", lambda x, y, z: torch.addcmul(x, y, z, value=0.5), a, b, c)
    case("addcdiv", lambda x, y, z: torch.addcdiv(x, y, z, value=0.5), a, b, positive)
    case("lerp", lambda x, y: torch.lerp(x, y, 0.3), a, b)
    case("lerp tensor", torch.lerp, a, b, torch.rand(3, 5, 7))
    for name in ("exp expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tanh erf sigmoid floor ceil round trunc frac"
                 " asin acos atan sinh cosh tan").split():
        case(name, getattr(torch, name), torch.rand(5, 9) * 0.9 + 0.05)
    case("in place", lambda x: x.clone().add_(1).mul_(2).relu_(), a)
    case("clamp", lambda x: x.clamp(-0.5, 0.5), a)
    case("clamp min", lambda x: x.clamp(min=0.1), a)
    case("clamp max", lambda x: x.clamp(max=0.1), a)
    case("clamp int", lambda x: x.clamp(-2, 3), i)
    case("clamp strided", lambda x: x.transpose(0, 1).clamp(-0.5, 0.5), a)

    # comparison and choice
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):
        case(op, lambda x, y, op=op: getattr(x, op)(y), a, b)
        case(op + " scalar", lambda x, op=op: getattr(x, op)(0.25), a)
        case(op + " int", lambda x, y, op=op: getattr(x, op)(y), i, j)
    case("where", torch.where, mask, a, b)
    case("where scalar", lambda m, x: torch.where(m, x, 0.0), mask, a)
    case("masked fill", lambda x, m: x.masked_fill(m, -3.0), a, mask)
    case("masked fill inf", lambda x, m: F.softmax(x.masked_fill(m, float("-inf")), -1), randn(6, 6), torch.ones(6, 6).triu(1).bool())
    case("logical", lambda m: ~m & (m | ~m) ^ m, mask)
    case("bitwise", lambda x, y: (x & y) | (x ^ 3), i, j)
    case("shift", lambda x, y: (x << 2) >> 1, i, j)

    # activations
    case("relu", F.relu, a)
    case("relu6", F.relu6, a * 5)
    case("gelu", F.gelu, a)
    case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), a)
    case("silu", F.silu, a)
    case("silu half", F.silu, a.half(), tolerance=2e-3)
    case("hardswish", F.hardswish, a * 3)
    case("hardsigmoid", F.hardsigmoid, a * 3)
    case("leaky relu", lambda x: F.leaky_relu(x, 0.1), a)
    case("elu", lambda x: F.elu(x, 0.7), a)
    case("selu", F.selu, a)
    case("softplus", F.softplus, a)
    case("mish", F.mish, a)
    case("logsigmoid", F.logsigmoid, a)
    case("threshold", lambda x: F.threshold(x, 0.1, 7.0), a)
    case("hardtanh", F.hardtanh, a)
    case("prelu", F.prelu, image, torch.tensor([0.1, 0.2, 0.3]))
    case("glu", lambda x: F.glu(x, 1), randn(4, 6))

    # filling, ranges, copies
    for dtype in (torch.float32, torch.int64, torch.int32, torch.float16):
        case(f"arange {dtype}", lambda x, dtype=dtype: torch.arange(3, 40, 2, device=x.device, dtype=dtype), a)
    case("arange step", lambda x: torch.arange(0, 1, 0.1, device=x.device), a)
    case("zeros ones full", lambda x: torch.zeros(5, device=x.device) + torch.ones(5, device=x.device) * torch.full((5,), 2.5, device=x.device), a)
    case("full int", lambda x: torch.full((3, 2), 7, device=x.device), a)
    for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool):
        case(f"to {dtype}", lambda x, dtype=dtype: (x * 3).abs().to(dtype), a, tolerance=1e-2)
        case(f"from {dtype}", lambda x: x.to(torch.float32), (a * 3).abs().to(dtype))
    case("to strided", lambda x: x.transpose(0, 2).to(torch.float64), a)
    case("contiguous", lambda x: x.permute(2, 0, 1).contiguous(), a)
    case("contiguous int", lambda x: x.t().contiguous(), i)
    case("channels last", lambda x: x.contiguous(memory_format=torch.channels_last), image)
    case("slice", lambda x: x[:, 1::2, 2:6].contiguous(), a)
    case("slice copy", _copy_slice, a, randn(3, 2, 7))
    case("flatten", lambda x: x.flatten(1).clone(), a)
    case("expand", lambda x: x.expand(4, 7).contiguous(), randn(1, 7))
    case("cat 0", lambda x, y: torch.cat([x, y, x]), a, randn(2, 5, 7))
    case("cat 1", lambda x, y: torch.cat([x, y], 1), a, randn(3, 2, 7))
    case("cat -1", lambda x, y: torch.cat([x, y], -1), a, randn(3, 5, 3))
    case("cat aligned", lambda x, y: torch.cat([x, y], 2), randn(1, 4, 8, 16), randn(1, 4, 1, 16))
    case("cat aligned 1", lambda x, y: torch.cat([x, y], 1), randn(2, 4, 8, 16), randn(2, 3, 8, 16))
    case("cat strided", lambda x, y: torch.cat([x.transpose(1, 2), y.transpose(1, 2)], 1), a, randn(3, 5, 2))
    case("cat int", lambda x, y: torch.cat([x, y], 1), i, j)
    case("cat half", lambda x: torch.cat([x, x], 1), a.half())
    case("cat many", lambda x: torch.cat([x[k : k + 1] for k in range(70)]), big)
    case("stack", lambda x, y: torch.stack([x, y], 1), a, b)
    case("split", lambda x: torch.cat([p * (k + 1) for k, p in enumerate(x.split(2, -1))], -1), a)
    case("roll", lambda x: x.roll(2, 1), a)
    case("flip", lambda x: x.flip(1), a)
    case("tril", lambda x: x.tril(), randn(6, 6))
    case("triu", lambda x: x.triu(1), randn(3, 5, 6))
    case("repeat", lambda x: x.repeat(2, 1, 3), a)
    case("pad", lambda x: F.pad(x, (1, 2, 0, 3)), image)

    # indexing
    index = torch.tensor([[3, 0], [2, 2]])
    case("embedding", F.embedding, index, randn(5, 16))
    case("embedding odd", F.embedding, index, randn(5, 7))
    case("index select", lambda x, k: x.index_select(1, k), a, torch.tensor([4, 0, 0]))
    case("index select many", lambda x, k: x.index_select(0, k), randn(50, 9), torch.randint(0, 50, (120,)))
    case("index", lambda x, k: x[k], randn(5, 6), index)
    case("index pairs", lambda x, k: x[k, k + 1], randn(5, 6), index)
    case("index rows", lambda x, k: x[:, k], randn(5, 6), index)
    case("index negative", lambda x, k: x[k], randn(5, 6), -1 - index)
    case("index put", _index_put, randn(5, 6), torch.tensor([3, 1]))
    case("gather", lambda x, k: x.gather(1, k), randn(4, 6), torch.randint(0, 6, (4, 3)))
    case("scatter", lambda x, k: x.scatter(1, k, 2.0), randn(4, 6), torch.randint(0, 6, (4, 3)))
    case("nonzero", lambda x: x.nonzero(), i)
    case("nonzero float", lambda x: (x > 1).nonzero(), a)
    case("nonzero large", lambda x: (x > 2).nonzero(), randn(3, 500, 100))
    case("masked select", lambda x, m: x[m], a, mask)
    case("topk", lambda x: torch.cat([p.float() for p in x.topk(3)], -1), randn(4, 60))
    case("topk of many", lambda x: x.topk(700).values, randn(1, 20000))
    case("topk of many, where", lambda x: x.topk(700).indices, randn(2, 20000))
    case("sort", lambda x: torch.cat([p.float() for p in x.sort()], -1), randn(4, 60))
    case("cumsum", lambda x: x.cumsum(-1), randn(4, 60))
    case("cumsum 0", lambda x: x.cumsum(0), randn(4, 60))
    case("one hot", lambda k: F.one_hot(k, 5), index)

    # reductions
    case("sum", lambda x: x.sum(), big)
    case("sum -1", lambda x: x.sum(-1), big)
    case("sum 0", lambda x: x.sum(0), big, tolerance=1e-3)
    case("sum int", lambda x: x.sum(1), i)
    case("sum bool", lambda x: x.sum(), mask)
    case("mean", lambda x: x.mean((2, 3)), image)
    case("mean half", lambda x: x.mean(-1), a.half(), tolerance=1e-2)
    case("adaptive pool 1", lambda x: F.adaptive_avg_pool2d(x, 1), image)
    case("max all", lambda x: x.max(), a)
    case("amax", lambda x: x.amax(1), a)
    case("amin", lambda x: x.amin(1), a)
    case("max dim", lambda x: torch.cat([p.float() for p in x.max(1)]), a)
    case("min dim", lambda x: torch.cat([p.float() for p in x.min(-1)]), a)
    case("argmax", lambda x: x.argmax(-1), big)
    case("argmax all", lambda x: x.argmax(), a)
    case("argmin", lambda x: x.argmin(1), a)
    case("any all", lambda m: torch.stack([m.any(), m.all(), m[0, 0, 0]]), mask)
    case("norm", lambda x: x.norm(), a)
    case("norm dim", lambda x: x.norm(dim=1), a)
    case("norm 1", lambda x: x.norm(p=1, dim=1), a)
    case("var", lambda x: x.var(-1), a)
    case("std", lambda x: x.std(1), a)
    case("var mean", lambda x: torch.cat(torch.var_mean(x, -1)), a)
    case("logsumexp", lambda x: x.logsumexp(-1), a)
    case("isnan", lambda x: x.isnan().any(), a)

    # softmax, norms
    case("softmax", lambda x: F.softmax(x, -1), a)
    case("softmax 1000", lambda x: F.softmax(x, 1), randn(3, 1000))
    case("softmax 1100", lambda x: F.softmax(x, 1), big)
    case("softmax 5000", lambda x: F.softmax(x, 1), randn(3, 5000))
    case("softmax spatial", lambda x: F.softmax(x, 1), image)
    case("log softmax", lambda x: F.log_softmax(x, -1), a)
    case("log softmax 1100", lambda x: F.log_softmax(x, 1), big)
    case("log softmax spatial", lambda x: F.log_softmax(x, 1), image)
    case("softmax half", lambda x: F.softmax(x, -1), a.half(), tolerance=2e-3)
    case("layer norm", lambda x, w, y: F.layer_norm(x, (64,), w, y), randn(5, 64), randn(64), randn(64))
    case("layer norm odd", lambda x, w, y: F.layer_norm(x, (63,), w, y), randn(5, 63), randn(63), randn(63))
    case("layer norm plain", lambda x: F.layer_norm(x, (64,)), randn(5, 64))
    case("layer norm half", lambda x: F.layer_norm(x, (64,)), randn(5, 64).half(), tolerance=5e-3)
    case("rms norm", lambda x, w: F.rms_norm(x, (64,), w), randn(5, 64), randn(64))
    case("group norm", lambda x, w, y: F.group_norm(x, 3, w, y), randn(2, 6, 4, 5), randn(6), randn(6))
    case("instance norm", F.instance_norm, image)
    case("batch norm", lambda x, m, v, w, y: F.batch_norm(x, m, v, w, y), image, randn(3), torch.rand(3) + 0.5, randn(3), randn(3))
    case("batch norm half", lambda x, m, v: F.batch_norm(x, m, v), image.half(), randn(3).half(), (torch.rand(3) + 0.5).half(), tolerance=5e-3)

    # images
    case("max pool", lambda x: F.max_pool2d(x, 3, 2, 1), image)
    case("max pool ceil", lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True), image)
    case("max pool indices", lambda x: F.max_pool2d(x, 3, 2, return_indices=True)[1], image)
    case("max pool channels last", lambda x: F.max_pool2d(x.contiguous(memory_format=torch.channels_last), 3, 2, 1), image)
    case("avg pool", lambda x: F.avg_pool2d(x, 3, 2, 1), image)
    case("avg pool ceil", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), image)
    case("adaptive pool 5", lambda x: F.adaptive_avg_pool2d(x, 5), image)
    case("adaptive max pool", lambda x: F.adaptive_max_pool2d(x, 5), image)
    case("bilinear", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), image)
    case("bilinear aligned", lambda x: F.interpolate(x, size=(9, 30), mode="bilinear", align_corners=True), image)
    case("bicubic", lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), image)
    case("bicubic smaller", lambda x: F.interpolate(x, size=(9, 30), mode="bicubic"), image)
    case("bicubic aligned", lambda x: F.interpolate(x, size=(9, 30), mode="bicubic", align_corners=True), image)
    case("nearest", lambda x: F.interpolate(x, size=(9, 30)), image)
    case("conv", lambda x, w, y: F.conv2d(x, w, y, 2, 1), image, randn(8, 3, 3, 3), randn(8))
    case("conv depthwise", lambda x, w, y: F.conv2d(x, w, y, 2, 1, groups=3), image, randn(3, 1, 3, 3), randn(3))
    case("conv depthwise 5", lambda x, w: F.conv2d(x, w, None, 1, 2, groups=3), image, randn(3, 1, 5, 5))
    case("conv transpose", lambda x, w: F.conv_transpose2d(x, w, None, 2), image, randn(3, 4, 2, 2))
    case("conv1d", lambda x, w: F.conv1d(x, w), randn(2, 3, 20), randn(5, 3, 4))

    # matrices
    case("mm", lambda x, y: x @ y, randn(5, 7), randn(7, 3))
    case("bmm", lambda x, y: x @ y, randn(4, 5, 7), randn(4, 7, 3))
    case("linear", F.linear, randn(5, 7), randn(3, 7), randn(3))
    case("linear 3d", F.linear, randn(2, 5, 8), randn(4, 8), randn(4))
    case("addmm", torch.addmm, randn(3), randn(5, 7), randn(7, 3))
    case("outer", torch.outer, randn(5), randn(7))
    case("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v), randn(2, 4, 10, 16), randn(2, 4, 12, 16), randn(2, 4, 12, 16))
    case("attention causal", lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), randn(2, 4, 10, 16))
    case("attention mask", lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m), randn(2, 4, 10, 16), torch.rand(10, 10) > 0.3)
    case("attention one", lambda q, k: F.scaled_dot_product_attention(q, k, k), randn(1, 4, 1, 32), randn(1, 4, 9, 32))
    case("attention half", lambda q: F.scaled_dot_product_attention(q, q, q), randn(2, 4, 10, 16).half(), tolerance=5e-3)
    case("attention decode half", lambda q, k: F.scaled_dot_product_attention(q, k, k), randn(1, 4, 1, 64).half(), randn(1, 4, 600, 64).half(), tolerance=5e-3)
    case("attention causal half", lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), randn(2, 4, 10, 16).half(), tolerance=5e-3)
    case("einsum", lambda x, y: torch.einsum("bij,bkj->bik", x, y), randn(2, 3, 4), randn(2, 5, 4))

    # random numbers: other generators than the CPU's, so only what must hold for all
    case("rand", lambda x: _uniform(torch.rand(40000, device=x.device), 0, 1), a)
    case("uniform", lambda x: _uniform(torch.empty(200, 200, device=x.device).t()[::2].uniform_(-3, 5), -3, 5), a)
    case("randn", lambda x: _moments(torch.randn(40001, device=x.device), 0, 1), a)
    case("randn half", lambda x: _moments(torch.randn(40000, device=x.device, dtype=torch.float16).float(), 0, 1), a)
    case("normal", lambda x: _moments(torch.empty(40000, device=x.device).normal_(3, 2), 3, 2), a)
    case("bernoulli", lambda x: _moments(torch.empty(40000, device=x.device).bernoulli_(0.25), 0.25, 0.433), a)
    case("exponential", lambda x: _moments(torch.empty(40000, device=x.device).exponential_(0.5), 2, 2), a)
    case("randint", lambda x: torch.stack([(n := torch.randint(5, 9, (4000,), device=x.device)).min(), n.max()]), a)
    case("randint same seed", _same_seed, a)

    # gradients, and optimisers' operations on lists
    case("gelu gradient", _gradients(F.gelu), a)
    case("softmax gradient", _gradients(lambda x: x.softmax(1)), randn(2, 1000))
    case("log softmax gradient", _gradients(lambda x: x.log_softmax(1)), randn(2, 1000))
    case("layer norm gradient", _gradients(lambda x, w, y: F.layer_norm(x, (384,), w, y)), randn(2, 40, 384), randn(384), randn(384))
    case("linear gradient", _gradients(F.linear), randn(2, 5, 384), randn(64, 384), randn(64))
    attention = _gradients(F.scaled_dot_product_attention)
    case("attention gradient", attention, randn(2, 3, 37, 64), randn(2, 3, 41, 64), randn(2, 3, 41, 64))
    causal = _gradients(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True))
    case("attention causal gradient", causal, randn(2, 3, 40, 64), randn(2, 3, 40, 64), randn(2, 3, 40, 64))
    case("foreach", _foreach, *[randn(9) for _ in range(150)])
    case("dropout", lambda x: _moments(F.dropout(torch.ones(40000, device=x.device), 0.25, training=True), 1, 0.577), a)
    case("index copy", lambda x, k, y: x.clone().index_copy_(1, k, y), randn(4, 9, 3), torch.tensor([7, 0]), randn(4, 2, 3))
    corners = torch.rand(200, 2) * 80
    boxes = torch.cat([corners, corners + torch.rand(200, 2) * 20 + 1], dim=1)
    case("nms", lambda b, s: torchvision.ops.nms(b, s, 0.3), boxes, torch.rand(200))
    regions = torch.cat([torch.randint(0, 2, (200, 1)).float(), boxes], dim=1)
    case("roi align", lambda x, r: torchvision.ops.roi_align(x, r, 7, 0.2, 2), randn(2, 3, 17, 19), regions)
    case("roi align aligned", lambda x, r: torchvision.ops.roi_align(x, r, 5, 0.2, aligned=True), randn(2, 3, 17, 19), regions)

    # loss
    case("mse loss", F.mse_loss, a, b)
    case("cross entropy", F.cross_entropy, randn(6, 9), torch.randint(0, 9, (6,)))
    case("cosine similarity", lambda x, y: F.cosine_similarity(x, y, 1), a, b)
    case("normalize", lambda x: F.normalize(x, dim=1), a)


def _gradients(function):
    """The gradients of a function's inputs, in a row."""

    def all_of_them(*inputs):
        with torch.enable_grad():
            inputs = [x.detach().requires_grad_() for x in inputs]
            output = function(*inputs)
            towards = torch.arange(output.numel(), dtype=torch.float32).sin().view(output.shape)
            output.backward(towards.to(output.device))
        return torch.cat([x.grad.flatten() for x in inputs])

    return all_of_them


def _foreach(*inputs):
    mine, yours, more = (list(inputs[k::3]) for k in range(3))
    mine = torch._foreach_add(mine, yours, alpha=0.5)
    torch._foreach_mul_(mine, 0.9)
    torch._foreach_addcmul_(mine, yours, more, value=0.25)
    return torch.cat(mine)


def _copy_slice(x, y):
    x = x.clone()
    x[:, 1:3] = y
    return x


def _index_put(x, k):
    x = x.clone()
    x[k] = 5.0
    return x


def _uniform(x, low, high):
    middle = (low + high) / 2
    return torch.stack([x.min() >= low, x.max() < high, (x.mean() - middle).abs() < 0.02 * (high - low)])


def _moments(x, mean, deviation):
    return torch.stack([(x.mean() - mean).abs() < 0.03 * deviation + 0.01, (x.std() - deviation).abs() < 0.03 * deviation])


def _same_seed(x):
    def numbers(seed):
        torch.manual_seed(seed)
        return torch.randint(0, 1000000, (50,), device=x.device)
    return torch.stack([(numbers(3) == numbers(3)).all(), (numbers(3) == numbers(4)).any()])


def difference(got, want):
    if got.dtype != want.dtype or got.shape != want.shape:
        return float("inf")
    if want.numel() == 0:
        return 0.0
    got, want = got.double(), want.double()
    same = (got == want) | (got.isnan() & want.isnan())
    error = torch.where(same, torch.zeros_like(want), (got - want).abs())
    scale = want[want.isfinite()].abs().max().item() if want.isfinite().any() else 1.0
    error = torch.where(error.isnan(), torch.full_like(error, float("inf")), error)
    return (error.max() / max(scale, 1e-6)).item()


def main():
    names()
    chosen = [c for c in CASES if len(sys.argv) < 2 or any(part in c[0] for part in sys.argv[1:])]
    failed = []
    for name, function, inputs, tolerance in chosen:
        try:
            with torch.no_grad():
                error = difference(function(*[t.cuda() for t in inputs]).cpu(), function(*inputs))
            if not error <= tolerance:
                failed.append(name)
                print(f"{name}: differs by {error:.3g} (allowed {tolerance:g})")
        except Exception as trouble:  # a missing kernel must not hide the others
            failed.append(name)
            print(f"{name}: {str(trouble).splitlines()[0]}")
    print(f"{len(chosen)} operators, {len(chosen) - len(failed)} right, {len(failed)} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
