"""One of two processes that run multiple-proposal MH together: ``two_processes.py PORT INDEX``."""

import json
import sys

import jax
import numpy as np

port, index = sys.argv[1:]
jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=int(index))

from helpers_samplers import gaussian  # noqa: E402  (JAX's processes come before its arrays)

from estim.samplers.mode import Laplace  # noqa: E402
from estim.samplers.run import sample  # noqa: E402

draws = sample(
    gaussian(),
    "mpmh",
    jax.random.key(0),
    laplace=Laplace(np.zeros(3), np.eye(3), 0.0, 0.0),
    initial_positions=np.zeros((2, 3)),
    num_samples=20,
    num_chains=2,
    num_warmup=20,
    num_proposals=4,
    spread="proposals",
)
print(json.dumps({"devices": jax.device_count(), "last": draws.position[:, -1].tolist()}))
