"""A forest of 100 trees of depth 6, compiled by lleaves and exported to ONNX.

    forest.py FOLDER NAMES    writes forest.onnx, lleaves-NAME.o for two settings, and prints JSON

The rows it is trained on are made from a seed, with as many features as the default set; trees
have 63 of their 64 leaves on average. The ONNX file carries Tickhawk's contract.
"""

import hashlib
import json
import sys
from pathlib import Path

import lightgbm
import lleaves
import numpy as np
import onnx
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

TREES, DEPTH, COLUMNS, ROWS = 100, 6, 32, 60_000
# What lleaves' documentation says of single rows: one block of trees, the small code model. Compiling
# takes a minute or two each.
SETTINGS = {
    "fp64": {"fblocksize": TREES, "fcodemodel": "small"},
    "fp32": {"fblocksize": TREES, "fcodemodel": "small", "use_fp64": False},
}


def train():
    draw = np.random.default_rng(7)
    rows = draw.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    weights = draw.normal(size=COLUMNS)
    target = np.sign(rows @ weights + np.sin(3.0 * rows[:, 0] * rows[:, 1]) + draw.normal(size=ROWS))
    options = {
        "objective": "regression",
        "num_leaves": 2**DEPTH,
        "max_depth": DEPTH,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "learning_rate": 0.1,
        "verbose": -1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
    }
    return lightgbm.train(options, lightgbm.Dataset(rows, target), TREES)


def stamp(path, names):
    """The contract of Tickhawk's models, with golden rows by ONNX Runtime."""
    model = onnx.load(path)
    session = onnxruntime.InferenceSession(path)
    rows = np.random.default_rng(8).normal(size=(8, COLUMNS)).astype(np.float32)
    outputs = session.run(None, {session.get_inputs()[0].name: rows})[0]
    compact = json.dumps(names, separators=(",", ":"))
    contract = {
        "tickhawk.features": compact,
        "tickhawk.schema": hashlib.sha256(compact.encode()).hexdigest(),
        "tickhawk.label": "mid_sign",
        "tickhawk.horizon_ms": "1000",
        "tickhawk.golden": json.dumps(
            {"inputs": rows.tolist(), "outputs": outputs.reshape(8, 1).tolist()}
        ),
    }
    for key, value in contract.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, path)


def main():
    folder = Path(sys.argv[1])
    names = json.loads(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    booster = train()
    text = folder / "forest.txt"
    booster.save_model(str(text))
    path = folder / "forest.onnx"
    input_types = [("input", FloatTensorType([None, COLUMNS]))]
    onnx.save(convert_lightgbm(booster, initial_types=input_types, target_opset=15), path)
    stamp(str(path), names)
    for name, options in SETTINGS.items():
        cache = folder / f"lleaves-{name}.o"
        cache.unlink(missing_ok=True)
        lleaves.Model(model_file=str(text)).compile(cache=str(cache), **options)
    trees = booster.dump_model()["tree_info"]
    leaves = [tree["num_leaves"] for tree in trees]
    print(json.dumps({"trees": len(trees), "leaves": sum(leaves), "settings": list(SETTINGS)}))


if __name__ == "__main__":
    main()
