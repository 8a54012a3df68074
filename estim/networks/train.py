"""Training: AdamW with cosine decay over minibatches, some epochs in one compiled call, members in parallel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from estim.arguments import NonNegativeReal, Positive, PositiveReal, check_fields
from estim.devices import device_mesh, over
from estim.networks.mlp import NetworkParams, apply_network
from estim.pace import Pace
from estim.progress import Progress
from estim.stopping import raise_if_stopped
from estim.typing import Array, Key, Scalar

NUM_BLOCKS = 20
"""How often in one training run progress is told and patience judged."""

_SECONDS = 3.0  # of one compiled call, where an epoch takes no longer


@dataclass(frozen=True)
class Training:
    """How a network is built and trained.

    Attributes:
        gradient_weight: weight of the squared gradient error beside the squared error (Sobolev
            training; Czarnecki et al. 2017); 0 ignores gradients.
        hidden: units of each hidden layer.
        num_members: networks in the ensemble, trained side by side.
        num_epochs: passes over the points.
        max_steps: bound on the number of minibatches; fewer passes where points are many.
        batch_size: points in a minibatch.
        learning_rate: at the start; it falls to zero along a cosine.
        weight_decay: of AdamW.
        patience: share of the epochs without a better validation loss after which training stops.

    Raises:
        ArgumentError: a field is of a wrong kind or out of its range.
    """

    gradient_weight: NonNegativeReal = 10.0
    hidden: tuple[Positive, ...] = (64, 64, 64)
    num_members: Positive = 6
    num_epochs: Positive = 400
    max_steps: Positive = 20_000
    batch_size: Positive = 128
    learning_rate: PositiveReal = 5e-3
    weight_decay: NonNegativeReal = 1e-2
    patience: PositiveReal = 0.3

    def __post_init__(self) -> None:
        check_fields(self)


class TrainingSet(NamedTuple):
    """Whitened inputs ``[n, dim]``, standardised outputs ``[n]``, their gradients ``[n, dim]``, all float32.

    ``weight`` ``[n]`` has mean one; ``gradient_weight`` is ``weight`` where the gradient is
    known and zero elsewhere, or None where no gradient is to be learnt.
    """

    z: Array
    target: Array
    weight: Array
    gradient: Array | None = None
    gradient_weight: Array | None = None


class History(NamedTuple):
    """Mean squared error of the standardised output by epoch and member, ``[num_epochs, num_members]``."""

    train_loss: np.ndarray
    validation_loss: np.ndarray


class _Trainee(NamedTuple):
    """One network in training, and the best that it has been."""

    params: NetworkParams
    optimizer: Any
    best_params: NetworkParams
    best_loss: Scalar


def training_loss(params: NetworkParams, data: TrainingSet, gradient_weight: float) -> tuple[Scalar, Scalar]:
    """The objective, and the weighted mean squared error within it.

    sum_i w_i [ (f(z_i) - y_i)^2 + gradient_weight / dim * |df/dz (z_i) - dy_i|^2 ] / n
    """
    if data.gradient is None or data.gradient_weight is None:
        error = apply_network(params, data.z) - data.target
        squared = jnp.mean(data.weight * error**2)
        return squared, squared
    output, pullback = jax.vjp(partial(apply_network, params), data.z)
    (slope,) = pullback(jnp.ones_like(output))
    squared = jnp.mean(data.weight * (output - data.target) ** 2)
    slope_squared = jnp.mean(data.gradient_weight * jnp.mean((slope - data.gradient) ** 2, axis=1))
    return squared + gradient_weight * slope_squared, squared


def _build_block(training: Training, num_steps: int, block: int) -> tuple[Callable, Callable]:
    """Functions to start a trainee and to train it for some of the ``block`` epochs, one network each."""
    schedule = optax.cosine_decay_schedule(training.learning_rate, num_steps)
    optimizer = optax.adamw(schedule, weight_decay=training.weight_decay)

    def start(params: NetworkParams) -> _Trainee:
        return _Trainee(params, optimizer.init(params), params, jnp.asarray(jnp.inf, jnp.float32))

    def train_block(
        rng_key: Key,
        trainee: _Trainee,
        train: TrainingSet,
        validation: TrainingSet,
        first: Array,
        count: Array,
    ):
        num_batches = max(len(train.z) // training.batch_size, 1)

        def minibatch(carry, indices):
            params, state = carry
            batch = jax.tree.map(lambda leaf: leaf[indices], train)
            gradient, squared = jax.grad(training_loss, has_aux=True)(params, batch, training.gradient_weight)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), squared

        def epoch(trainee: _Trainee, key: Key):
            order = jax.random.permutation(key, len(train.z))
            indices = order[: num_batches * training.batch_size].reshape(num_batches, -1)
            (params, state), squared = jax.lax.scan(minibatch, (trainee.params, trainee.optimizer), indices)
            _, loss = training_loss(params, validation._replace(gradient=None), 0.0)
            better = loss < trainee.best_loss
            best = jax.tree.map(partial(jnp.where, better), params, trainee.best_params)
            best_loss = jnp.where(better, loss, trainee.best_loss)
            return _Trainee(params, state, best, best_loss), (jnp.mean(squared), loss)

        keys, unknown = jax.random.split(rng_key, block), jnp.zeros(block, jnp.float32)

        def body(i: Array, carry: tuple[_Trainee, tuple[Array, Array]]):
            trainee, losses = carry
            trainee, loss = epoch(trainee, keys[i])
            return trainee, tuple(rows.at[i].set(row) for rows, row in zip(losses, loss, strict=True))

        return jax.lax.fori_loop(first, first + count, body, (trainee, (unknown, unknown)))

    return start, train_block


@lru_cache(maxsize=8)
def _programs(training: Training, num_steps: int, block: int, mesh: Mesh) -> tuple[Callable, Callable]:
    """Compiled functions over all members ``[num_members, ...]``, shared among the devices of `mesh`.

    The points are an argument: as many others of them, of another data set say, need no new program.
    """
    start, train_block = _build_block(training, num_steps, block)
    member, everyone = PartitionSpec(mesh.axis_names), PartitionSpec()

    def train_members(keys: Key, trainees: _Trainee, *shared: Any) -> Any:
        train = lambda key, trainee: train_block(key, trainee, *shared)
        return over(train, sequential=True)(keys, trainees)

    share = partial(jax.shard_map, mesh=mesh, check_vma=False)
    return jax.jit(jax.vmap(start)), jax.jit(
        share(train_members, in_specs=(member, member, *[everyone] * 4), out_specs=(member, member))
    )


def train_network(
    rng_key: Key,
    params: NetworkParams,
    train: TrainingSet,
    validation: TrainingSet,
    training: Training,
    progress: Progress | None = None,
) -> tuple[NetworkParams, History]:
    """Trains every member of ``params`` ``[num_members, ...]`` and returns each at its best validation loss.

    Members see the points in different orders and are trained side by side, spread over the
    devices where their number allows it.
    """
    num_members = training.num_members
    steps_per_epoch = max(len(train.z) // training.batch_size, 1)
    num_epochs = max(min(training.num_epochs, training.max_steps // steps_per_epoch), 1)
    block = -(-num_epochs // NUM_BLOCKS)
    num_epochs = -(-num_epochs // block) * block
    mesh = device_mesh(num_members, jax.local_devices())
    start, train_members = _programs(training, num_epochs * steps_per_epoch, block, mesh)
    trainees = jax.device_put(start(params), NamedSharding(mesh, PartitionSpec(mesh.axis_names)))
    pace = Pace(block, seconds=_SECONDS)
    train_losses: list[np.ndarray] = []
    validation_losses: list[np.ndarray] = []
    for index in range(num_epochs // block):
        keys = jax.random.split(jax.random.fold_in(rng_key, index), num_members)
        for first, count in pace.parts(block):  # the same steps, however a block is divided
            raise_if_stopped()
            trainees, losses = train_members(keys, trainees, train, validation, first, count)
            train_loss, validation_loss = (np.asarray(loss).T[first : first + count] for loss in losses)
            train_losses.append(train_loss)
            validation_losses.append(validation_loss)
        if progress is not None:
            done = (index + 1) * block
            progress("training", done, num_epochs, f"validation loss {validation_losses[-1][-1].mean():.2e}")
        history = History(np.concatenate(train_losses), np.concatenate(validation_losses))
        since_best = len(history.validation_loss) - 1 - history.validation_loss.argmin(axis=0).max()
        if since_best > training.patience * num_epochs:
            break
    return jax.tree.map(jnp.asarray, jax.device_get(trainees.best_params)), history
