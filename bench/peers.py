#!/usr/bin/env python3
"""Runs one public library on the workload of engine_bench, for bench/engine_peers:

  bench/peers.py NAME FOLDER

FOLDER holds the numbers that engine_bench wrote. Prints one line when it is ready. It then answers every line of
standard input with one line of JSON, as engine_bench --serve does (bench/engine/service.h):

  check NAME | memory NAME | round NAME SECONDS

The loss is the sum over tasks of the query loss after adaptation. Every peer returns its gradient with respect to the
dense parameters and to all support and query inputs. The first-order gradient of the support inputs is zero, so it is
not computed."""
import ctypes
import json
import sys
import time
from pathlib import Path

import numpy as np

CHUNK_TASKS = 32


class Workload:
    """The numbers of engine_bench. Rows of weight 0 pad every task to the length of the longest."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for key, value in json.loads((self.folder / "workload.json").read_text()).items():
            setattr(self, key, value)
        self.tasks = len(self.support_counts)
        self.width = self.shapes[0][0]
        self.theta = self.split(np.fromfile(self.folder / "theta.f32", np.float32))
        self.support = self.read_rows("support", max(self.support_counts))
        self.query = self.read_rows("query", max(self.query_counts))

    def split(self, flat):
        """Returns one array per parameter: weight [in, out] and bias [out] of each layer."""
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes)]

    def read_rows(self, name, rows):
        """Returns inputs [tasks, rows, width], labels and weights [tasks, rows]."""
        shapes = {"inputs": (self.tasks, rows, self.width), "labels": (self.tasks, rows), "weights": (self.tasks, rows)}
        return [np.fromfile(self.folder / f"{name}.{part}.f32", np.float32).reshape(shape)
                for part, shape in shapes.items()]

    def errors(self, theta, support, query):
        """Divides the largest difference from float64 by the largest element, for each tensor. Returns the largest of
        these."""
        exact = {name: np.fromfile(self.folder / f"exact.{name}.f64") for name in ("theta", "support", "query")}
        support = np.zeros_like(self.support[0]) if support is None else support
        return {"dense": max(map(relative_error, theta, self.split(exact["theta"]))),
                "inputs": max(relative_error(support, exact["support"]), relative_error(query, exact["query"]))}


def relative_error(actual, exact):
    exact = exact.reshape(actual.shape)
    error, scale = np.abs(actual.astype(np.float64) - exact).max(), np.abs(exact).max()
    return float(error / scale if scale > 0 else error)


class TorchLoop:
    """Base of the per-task libraries: a torch module, and a loop over tasks of different lengths."""

    def __init__(self, work):
        import torch
        torch.set_num_threads(1)
        self.torch, self.work = torch, work
        self.rows = [[torch.from_numpy(part) for part in rows] for rows in (work.support, work.query)]
        self.net = self.make_net()
        self.parameters = list(self.net.parameters())

    def make_net(self):
        nn, layers = self.torch.nn, []
        for weight, bias in zip(self.work.theta[::2], self.work.theta[1::2]):
            linear = nn.Linear(*weight.shape)
            linear.weight.data = self.torch.from_numpy(weight.T.copy())
            linear.bias.data = self.torch.from_numpy(bias.copy())
            layers += [linear, nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def loss(self, net, inputs, labels):
        return self.torch.nn.functional.mse_loss(net(inputs).squeeze(-1), labels)

    def task(self, number):
        """Returns (support inputs, labels), (query inputs, labels). Inputs that need a gradient are leaves."""
        (xs, ys, _), (xq, yq, _) = self.rows
        count = self.work.support_counts[number]
        support = xs[number, :count].detach().requires_grad_(self.work.second_order)
        return (support, ys[number, :count]), (xq[number].detach().requires_grad_(), yq[number])

    def step(self):
        self.net.zero_grad(set_to_none=True)
        second_order, xs = self.work.second_order, self.rows[0][0]
        support_gradient = self.torch.zeros_like(xs) if second_order else None
        query_gradient = []
        for number in range(self.work.tasks):
            support, query = self.task(number)
            self.add_task(support, query)
            query_gradient.append(query[0].grad)
            if second_order:
                support_gradient[number, :len(support[0])] = support[0].grad
        return [p.grad for p in self.parameters], support_gradient, self.torch.stack(query_gradient)

    def arrays(self, result):
        theta, support, query = result
        return [p.numpy().T for p in theta], None if support is None else support.numpy(), query.numpy()


class Learn2learn(TorchLoop):
    """Uses learn2learn's MAML wrapper like its examples: clone, adapt, backward."""

    def __init__(self, work):
        super().__init__(work)
        from learn2learn.algorithms.maml import MAML
        self.maml = MAML(self.net, lr=work.inner_lr, first_order=not work.second_order)

    def add_task(self, support, query):
        learner = self.maml.clone()
        for _ in range(self.work.inner_steps):
            learner.adapt(self.loss(learner, *support))
        self.loss(learner, *query).backward()


class Higher(TorchLoop):
    """Uses higher's differentiable SGD on a functional copy of the module."""

    def __init__(self, work):
        super().__init__(work)
        import higher
        self.higher = higher
        self.optimizer = self.torch.optim.SGD(self.parameters, lr=work.inner_lr)

    def add_task(self, support, query):
        second_order = self.work.second_order
        with self.higher.innerloop_ctx(self.net, self.optimizer, copy_initial_weights=False,
                                       track_higher_grads=second_order) as (net, optimizer):
            for _ in range(self.work.inner_steps):
                optimizer.step(self.loss(net, *support))
            loss = self.loss(net, *query)
            if second_order:
                loss.backward()
            else:  # the copy has no graph to the module, so its own gradient is the first-order gradient
                self.add_first_order(loss, list(net.parameters()), query[0])

    def add_first_order(self, loss, adapted, query):
        *gradients, query.grad = self.torch.autograd.grad(loss, adapted + [query])
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


class TorchFunc:
    """Uses torch.func: vmap over the tasks computes the adapted loss, and torch.func.grad computes the inner steps.
    Autograd computes the outer gradient outside vmap, which is 1.25x faster than vmap(grad) at 5 inner steps. `chunk`
    is the number of tasks at a time."""

    def __init__(self, work, chunk=None):
        import torch
        torch.set_num_threads(1)
        self.torch, self.work, self.chunk = torch, work, chunk or work.tasks
        self.theta = tuple(torch.from_numpy(value) for value in work.theta)
        self.rows = [torch.from_numpy(part) for rows in (work.support, work.query) for part in rows]

    def loss(self, theta, inputs, labels, weights):
        for layer in range(0, len(theta), 2):
            inputs = self.torch.addmm(theta[layer + 1], inputs, theta[layer])
            if layer + 2 < len(theta):
                inputs = self.torch.relu(inputs)
        return (weights * (inputs.squeeze(-1) - labels) ** 2).sum()

    def task_loss(self, theta, xs, ys, ws, xq, yq, wq):
        fast = theta
        for _ in range(self.work.inner_steps):
            gradients = self.torch.func.grad(self.loss)(fast, xs, ys, ws)
            if not self.work.second_order:
                gradients = tuple(gradient.detach() for gradient in gradients)
            fast = tuple(value - self.work.inner_lr * gradient for value, gradient in zip(fast, gradients))
        return self.loss(fast, xq, yq, wq)

    def chunk_gradient(self, xs, ys, ws, xq, yq, wq):
        """Returns the gradient of theta, summed over the chunk, and the gradients of query (and support) inputs."""
        xs = xs.detach().requires_grad_(self.work.second_order)
        xq = xq.detach().requires_grad_()
        theta = tuple(value.detach().requires_grad_() for value in self.theta)
        losses = self.torch.func.vmap(self.task_loss, in_dims=(None,) + (0,) * 6)(theta, xs, ys, ws, xq, yq, wq)
        wanted = theta + ((xq, xs) if self.work.second_order else (xq,))
        gradients = self.torch.autograd.grad(losses.sum(), wanted)
        return list(gradients[:len(theta)]), list(gradients[len(theta):])

    def step(self):
        theta, inputs = None, []
        for rows in zip(*(part.split(self.chunk) for part in self.rows)):
            of_chunk, of_inputs = self.chunk_gradient(*rows)
            theta = of_chunk if theta is None else [a.add_(b) for a, b in zip(theta, of_chunk)]
            inputs.append(of_inputs)
        return theta, [self.torch.cat(parts) for parts in zip(*inputs)]

    def arrays(self, result):
        theta, (query, *support) = result
        return [p.numpy() for p in theta], support[0].numpy() if support else None, query.numpy()


class Compiled(TorchFunc):
    """Uses torch.compile of vmap(grad). It accepts double gradients only if torch.func forms all of them."""

    def __init__(self, work, chunk):
        super().__init__(work, chunk)
        self.chunk_gradient = self.torch.compile(self.vmap_grad, dynamic=False, fullgraph=True)

    def vmap_grad(self, *rows):
        wanted = (0, 4, 1) if self.work.second_order else (0, 4)
        per_task = self.torch.func.grad(self.task_loss, argnums=wanted)
        theta, *inputs = self.torch.func.vmap(per_task, in_dims=(None,) + (0,) * 6)(self.theta, *rows)
        return [gradient.sum(0) for gradient in theta], inputs


class Jax:
    """Uses JAX: jit of vmap of grad, over all tasks at once, or scanned over chunks."""

    def __init__(self, work, chunk=None):
        import jax
        self.jax, self.work, self.chunk = jax, work, min(chunk or work.tasks, work.tasks)
        self.theta = [jax.numpy.asarray(value) for value in work.theta]
        self.rows = [jax.numpy.asarray(part) for rows in (work.support, work.query) for part in rows]
        self.gradient = jax.jit(self.scan if self.chunk < work.tasks else self.chunk_gradient)

    def loss(self, theta, inputs, labels, weights):
        for layer in range(0, len(theta), 2):
            inputs = inputs @ theta[layer] + theta[layer + 1]
            if layer + 2 < len(theta):
                inputs = self.jax.nn.relu(inputs)
        return (weights * (inputs[:, 0] - labels) ** 2).sum()

    def task_loss(self, theta, xs, ys, ws, xq, yq, wq):
        fast = theta
        for _ in range(self.work.inner_steps):
            gradients = self.jax.grad(self.loss)(fast, xs, ys, ws)
            if not self.work.second_order:
                gradients = self.jax.lax.stop_gradient(gradients)
            fast = [value - self.work.inner_lr * gradient for value, gradient in zip(fast, gradients)]
        return self.loss(fast, xq, yq, wq)

    def chunk_gradient(self, theta, *rows):
        wanted = (0, 4, 1) if self.work.second_order else (0, 4)
        per_task = self.jax.grad(self.task_loss, argnums=wanted)
        of_theta, *inputs = self.jax.vmap(per_task, in_axes=(None,) + (0,) * 6)(theta, *rows)
        return [gradient.sum(0) for gradient in of_theta], inputs

    def scan(self, theta, *rows):
        def add_chunk(sums, chunk):
            of_theta, inputs = self.chunk_gradient(theta, *chunk)
            return [a + b for a, b in zip(sums, of_theta)], inputs
        chunks = [part.reshape((-1, self.chunk) + part.shape[1:]) for part in rows]
        sums, inputs = self.jax.lax.scan(add_chunk, [0 * value for value in theta], chunks)
        return sums, [part.reshape((-1,) + part.shape[2:]) for part in inputs]

    def step(self):
        return self.jax.block_until_ready(self.gradient(self.theta, *self.rows))

    def arrays(self, result):
        theta, (query, *support) = result
        return [np.asarray(p) for p in theta], np.asarray(support[0]) if support else None, np.asarray(query)


PEERS = {
    "learn2learn": ("learn2learn, per-task loop", Learn2learn),
    "higher": ("higher, per-task loop", Higher),
    "func": ("torch.func vmap, all tasks", TorchFunc),
    "func32": ("torch.func vmap, chunks of 32", lambda work: TorchFunc(work, CHUNK_TASKS)),
    "compile32": ("torch.compile(vmap(grad)), chunks of 32", lambda work: Compiled(work, CHUNK_TASKS)),
    "jax": ("JAX jit(vmap(grad)), all tasks", Jax),
    "jax32": ("JAX jit(vmap(grad)), chunks of 32", lambda work: Jax(work, CHUNK_TASKS)),
}


def status_megabytes(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def peak_extra_megabytes(step):
    """Measures the same as PeakExtraMegabytes of bench/process_memory.h."""
    step()
    time.sleep(0.5)  # XLA frees its buffers in its own threads after the step
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status_megabytes("VmRSS")
    step()
    return status_megabytes("VmHWM") - before


def run_round(step, seconds):
    begin, cpu_begin, steps, wall = time.perf_counter(), time.process_time(), 0, 0.0
    while wall < seconds:
        step()
        steps += 1
        wall = time.perf_counter() - begin
    return {"steps": steps, "wall_sec": wall, "cpu_sec": time.process_time() - cpu_begin}


def answer(peer, work, verb, seconds):
    if verb == "check":
        return work.errors(*peer.arrays(peer.step()))
    if verb == "memory":
        return {"peak_mb": peak_extra_megabytes(peer.step)}
    if verb == "round":
        return run_round(peer.step, seconds)
    raise ValueError(f"'{verb}' is none of: check, memory, round")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in PEERS:
        sys.exit(f"usage: bench/peers.py NAME FOLDER; names: {' '.join(PEERS)}")
    name, folder = sys.argv[1:]
    work = Workload(folder)
    description, make = PEERS[name]
    peer = make(work)
    peer.step()  # compiles the step
    print(json.dumps({name: description}), flush=True)
    for line in sys.stdin:
        verb, _, *seconds = line.split()
        print(json.dumps(answer(peer, work, verb, float(seconds[0]) if seconds else 0.0)), flush=True)


if __name__ == "__main__":
    main()
