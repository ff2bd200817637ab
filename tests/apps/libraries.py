# SPDX-License-Identifier: Apache-2.0
"""What cuBLAS, cuBLASLt and cuDNN compute for PyTorch: many small operations, several frames of random input each.

    libraries.py --device cpu|cuda --frames N --out FILE.npz

Seeded; results of an operation are one array with the frames along the first axis.
"""

import argparse

import numpy
import torch
import torch.nn.functional as F


def random(generator, *shape, dtype=torch.float32):
    return torch.randn(*shape, generator=generator).to(dtype)


def convolutions(r):
    yield "conv1d", lambda x, w: F.conv1d(x, w, padding=2, stride=2), r(2, 3, 20), r(6, 3, 5)
    yield "conv2d", lambda x, w: F.conv2d(x, w, padding=1), r(2, 3, 15, 17), r(8, 3, 3, 3)
    yield "conv2d bias", lambda x, w, b: F.conv2d(x, w, b), r(2, 3, 15, 17), r(8, 3, 3, 3), r(8)
    yield "conv2d strides", lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(1, 2)), r(1, 8, 9, 7), r(4, 8, 3, 5)
    yield "conv2d dilation", lambda x, w: F.conv2d(x, w, dilation=(2, 3)), r(2, 3, 16, 17), r(8, 3, 3, 3)
    yield "conv2d groups", lambda x, w: F.conv2d(x, w, groups=2), r(2, 4, 9, 9), r(8, 2, 3, 3)
    yield "conv2d depthwise", lambda x, w: F.conv2d(x, w, groups=8), r(1, 8, 6, 7), r(8, 1, 3, 3)
    yield "conv2d pointwise", lambda x, w: F.conv2d(x, w), r(1, 8, 6, 7), r(4, 8, 1, 1)
    yield "conv2d strided view", lambda x, w: F.conv2d(x[:, ::2, :, 1:], w), r(1, 8, 9, 9), r(4, 4, 3, 3)
    yield ("conv2d channels last", lambda x, w: F.conv2d(x.to(memory_format=torch.channels_last), w.to(memory_format=torch.channels_last)),
           r(2, 4, 9, 10), r(8, 4, 3, 3))
    yield "conv3d", lambda x, w: F.conv3d(x, w, padding=1), r(1, 3, 6, 7, 8), r(4, 3, 3, 3, 3)
    yield "conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2, output_padding=1), r(2, 4, 7, 8), r(4, 3, 3, 3)
    yield "conv_transpose2d groups", lambda x, w: F.conv_transpose2d(x, w, groups=2, dilation=2), r(1, 8, 6, 7), r(8, 3, 3, 3)
    yield "conv2d backward", backward_of_convolution, r(1, 8, 6, 7), r(4, 8, 3, 3)


def backward_of_convolution(x, w):
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    with torch.enable_grad():
        y = F.conv2d(x, w, padding=1)
        y.backward(y.detach())
    return torch.cat([x.grad.flatten(), w.grad.flatten()])


def products(r):
    double = torch.float64
    yield "linear", F.linear, r(7, 16), r(9, 16), r(9)
    yield "linear without bias", F.linear, r(7, 16), r(9, 16)
    yield "linear of three dimensions", F.linear, r(4, 7, 16), r(9, 16), r(9)
    yield "linear and gelu", lambda x, w, b: F.gelu(F.linear(x, w, b)), r(7, 16), r(9, 16), r(9)
    yield "addmm with relu", lambda x, w, b: torch._addmm_activation(b, x, w), r(7, 16), r(16, 9), r(9)
    yield "mm", torch.mm, r(7, 16), r(16, 9)
    yield "mm transposed", lambda a, b: a.t() @ b.t(), r(16, 7), r(9, 16)
    yield "mm of doubles", torch.mm, r(7, 16, dtype=double), r(16, 9, dtype=double)
    yield "mm of complex numbers", multiply_complex, r(7, 16, 2), r(16, 9, 2)
    yield "mm by one", torch.mm, r(7, 1), r(1, 9)
    yield "matrix by vector", torch.mv, r(7, 16), r(16)
    yield "dot", torch.dot, r(33), r(33)
    yield "bmm", torch.bmm, r(6, 3, 5), r(6, 5, 4)
    yield "bmm transposed", lambda a, b: torch.bmm(a.transpose(1, 2), b.transpose(1, 2)), r(6, 5, 3), r(6, 4, 5)
    yield "baddbmm", lambda c, a, b: torch.baddbmm(c, a, b, beta=0.5, alpha=2.0), r(3, 4, 6), r(3, 4, 5), r(3, 5, 6)


def multiply_complex(a, b):
    return torch.view_as_real(torch.view_as_complex(a) @ torch.view_as_complex(b))


def normalisations(r):
    def statistics():
        return r(8), r(8).abs() + 0.5, r(8), r(8)

    yield "batch_norm", F.batch_norm, r(2, 8, 5, 6), *statistics()
    yield "batch_norm in three dimensions", F.batch_norm, r(2, 8, 3, 5, 6), *statistics()
    yield ("batch_norm channels last", lambda x, *s: F.batch_norm(x.to(memory_format=torch.channels_last), *s), r(2, 8, 5, 6),
           *statistics())
    yield "batch_norm in training", train, r(2, 8, 5, 6), *statistics()


def train(x, mean, variance, weight, bias):
    y = F.batch_norm(x, mean, variance, weight, bias, training=True)  # changes the running statistics
    return torch.cat([y.flatten(), mean, variance])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False  # a real GPU would round otherwise
    results = {}
    for frame in range(options.frames):
        generator = torch.Generator().manual_seed(frame)

        def r(*shape, dtype=torch.float32):
            return random(generator, *shape, dtype=dtype)

        for family in (convolutions, products, normalisations):
            for name, function, *inputs in family(r):
                with torch.no_grad():
                    output = function(*[x.to(options.device) for x in inputs])
                results.setdefault(name, []).append(output.cpu().numpy())
    numpy.savez(options.out, **{name: numpy.stack(frames) for name, frames in results.items()})
    print(f"{len(results)} operations, {options.frames} frames")


if __name__ == "__main__":
    main()
