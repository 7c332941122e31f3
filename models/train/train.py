"""Trains the bundled models from features that Tickhawk itself exported.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install -r models/train/requirements.txt
    venv/bin/python models/train/train.py RECORDING...

RECORDING... are the BTCUSDT futures recording's files, in order. The default feature set is
exported by `tickhawk features`, the label is the sign of the mid move over the horizon, the first
70 % of the time train and the rest, after a pause of one horizon, tests. Every model is exported
to ONNX with its normalisation inside and stamped by `tickhawk model stamp`. Prints the scores that
models/README.md tells.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKHAWK = ROOT / "target" / "release" / "tickhawk"
HORIZON_MS = 1000
TICK_SIZE = "0.1"
VERSION = "1"
SEED = 20240718
TRAIN_SHARE = 0.7
GOLDEN_ROWS = 8
NOT_FEATURES = ["symbol", "received_at", "exchange_at", "sequence", "epoch", "mid", "valid"]


def export(recordings, folder):
    out = folder / "features.parquet"
    subprocess.run(
        [TICKHAWK, "features", *recordings, "--venue", "binance-futures", "--tick-size", TICK_SIZE, "--out", out],
        check=True,
    )
    return pq.read_table(out)


def labelled(table):
    """Features, label (-1, 0, 1), log return over the horizon and receive time of usable rows."""
    names = [name for name in table.column_names if name not in NOT_FEATURES]
    assert len(names) <= 64, "one column of validity bits holds 64 features"
    at = table["received_at"].to_numpy()
    mid = table["mid"].to_numpy()
    valid = table["valid"].to_numpy()
    features = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
    # The mid in force one horizon later: that of the last frame not after it.
    later = np.searchsorted(at, at + np.uint64(HORIZON_MS * 1_000_000), side="right") - 1
    known = at + np.uint64(HORIZON_MS * 1_000_000) <= at[-1]
    usable = known & (valid == (1 << len(names)) - 1)
    move = np.log(mid[later] / mid)
    return names, features[usable], np.sign(move[usable]).astype(int), move[usable], at[usable]


def split(at):
    cut = at[0] + np.uint64(int((at[-1] - at[0]) * TRAIN_SHARE))
    return at < cut, at >= cut + np.uint64(HORIZON_MS * 1_000_000)


def dense_graph(mean, scale, layers):
    """(x - mean) * scale, then Gemm and Relu by turns, then Softmax."""
    nodes = [
        helper.make_node("Sub", ["input", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["x0"]),
    ]
    tensors = [
        numpy_helper.from_array(mean.astype(np.float32), "mean"),
        numpy_helper.from_array(scale.astype(np.float32), "scale"),
    ]
    for index, (weights, bias) in enumerate(layers):
        tensors.append(numpy_helper.from_array(weights.astype(np.float32), f"w{index}"))
        tensors.append(numpy_helper.from_array(bias.astype(np.float32), f"b{index}"))
        last = index + 1 == len(layers)
        out = "logits" if last else f"h{index}"
        nodes.append(helper.make_node("Gemm", [f"x{index}", f"w{index}", f"b{index}"], [out]))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"x{index + 1}"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "tickhawk",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", len(mean)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def stamp(model, name, names, golden, folder):
    raw = folder / f"{name}.onnx"
    rows = folder / f"{name}.json"
    onnx.save(model, raw)
    rows.write_text(json.dumps([[float(value) for value in row] for row in golden]))
    out = ROOT / "models" / name / VERSION / "model.onnx"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            TICKHAWK, "model", "stamp", raw, "--out", out, "--features", ",".join(names),
            "--label", "mid_sign", "--horizon-ms", str(HORIZON_MS), "--tick-size", TICK_SIZE,
            "--golden-inputs", rows,
        ],
        check=True,
    )


def tell(name, score, decided, label, move, train_label, probabilities=None):
    """Out of sample: hits, hits where a side was taken, correlation with the return, log loss."""
    majority = np.bincount(train_label + 1, minlength=3).argmax() - 1
    moved = label != 0
    line = {
        "model": name,
        "rows": int(len(label)),
        "accuracy": float(np.mean(decided == label)),
        "majority_accuracy": float(np.mean(label == majority)),
        "direction_hits_when_moved": float(np.mean(np.sign(score[moved]) == label[moved])),
        "correlation_with_return": float(np.corrcoef(score, move)[0, 1]),
    }
    if probabilities is not None:
        prior = np.bincount(train_label + 1, minlength=3) / len(train_label)
        line["log_loss"] = float(log_loss(label, probabilities, labels=[-1, 0, 1]))
        line["prior_log_loss"] = float(log_loss(label, np.tile(prior, (len(label), 1)), labels=[-1, 0, 1]))
    print(json.dumps(line))


def main():
    # The network is stopped early on purpose: nine minutes of one day are soon learnt by heart.
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")
    recordings = sys.argv[1:]
    if not recordings:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        names, x, y, move, at = labelled(export(recordings, folder))
        train, test = split(at)
        mean = x[train].mean(axis=0)
        deviation = x[train].std(axis=0)
        scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
        z = (x - mean) * scale
        golden = x[test][:: max(1, int(test.sum()) // GOLDEN_ROWS)][:GOLDEN_ROWS]
        print(json.dumps({"rows": len(y), "train": int(train.sum()), "test": int(test.sum()),
                          "down_flat_up_test": np.bincount(y[test] + 1, minlength=3).tolist()}))

        linear = LogisticRegression(C=0.01, max_iter=5000).fit(z[train], y[train])
        p = linear.predict_proba(z[test])
        tell("linear", p[:, 2] - p[:, 0], linear.predict(z[test]), y[test], move[test], y[train], p)
        stamp(dense_graph(mean, scale, [(linear.coef_.T, linear.intercept_)]), "linear", names, golden, folder)

        mlp = MLPClassifier((64, 64), alpha=10.0, max_iter=10, learning_rate_init=5e-4,
                            random_state=SEED).fit(z[train], y[train])
        p = mlp.predict_proba(z[test])
        tell("mlp", p[:, 2] - p[:, 0], mlp.predict(z[test]), y[test], move[test], y[train], p)
        stamp(dense_graph(mean, scale, list(zip(mlp.coefs_, mlp.intercepts_))), "mlp", names, golden, folder)

        trees = GradientBoostingRegressor(n_estimators=100, max_depth=6, learning_rate=0.03, subsample=0.5,
                                          min_samples_leaf=50, random_state=SEED).fit(x[train], y[train])
        score = trees.predict(x[test])
        decided = np.where(np.abs(score) < 1 / 3, 0, np.sign(score)).astype(int)
        tell("trees", score, decided, y[test], move[test], y[train])
        model = convert_sklearn(trees, initial_types=[("input", FloatTensorType([None, len(names)]))],
                                target_opset={"": 17, "ai.onnx.ml": 3})
        stamp(model, "trees", names, golden, folder)


main()
