"""From `import estim` to the first gradient of Smets and Wouters (2007), in fresh processes.

Once with an empty compilation cache and once with the cache that the first process left. Wall time
is what a user waits; CPU time is what other jobs on the machine cannot stretch. The last line is JSON.
"""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM = """
import time

begun, busy = time.perf_counter(), time.process_time()
import jax
import estim

model = estim.load_model("smets_wouters_2007")
data = estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4")
posterior = estim.build_posterior(model, data, presample=4)
jax.block_until_ready(jax.jit(jax.value_and_grad(posterior.logdensity_fn))(posterior.start))
print(time.perf_counter() - begun, time.process_time() - busy)
"""


def main():
    result = {}
    with tempfile.TemporaryDirectory() as cache:
        for state in ("cold", "warm"):
            environment = os.environ | {"XDG_CACHE_HOME": cache}
            run = subprocess.run(
                [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
            )
            wall, cpu = map(float, run.stdout.split())
            print(f"{state}: {wall:.1f} s of wall time, {cpu:.1f} s of CPU time")
            result |= {f"{state}_wall_seconds": round(wall, 1), f"{state}_cpu_seconds": round(cpu, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
