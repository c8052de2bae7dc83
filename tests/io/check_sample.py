"""Reads the file of sample_writer.cpp with h5py and with both netCDF engines of xarray."""
import sys

import h5py
import numpy as np
import xarray

path = sys.argv[1]


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def check(condition, what):
    if not condition:
        sys.exit(f"{path}: {what}")


rows = np.arange(7)[:, None]
expected = {
    "regression": {"test_prediction": (("test_sample", "output"), 100.0 * rows + np.arange(3)),
                   "loss": ((), 0.75)},
    "kernel": {"test_test": (("test_sample", "test_sample_2"), 100.0 * rows + np.arange(7))},
    "dynamics": {"test_prediction": (("time", "test_sample", "output"), np.arange(63.0).reshape(3, 7, 3))},
    "data": {"test_label": (("test_sample",), np.arange(10, 17))},
    "timing": {"phase": (("phase_index",), ["read", "factorise", "größer"]),
               "seconds": (("phase_index",), [0.5, 1.5, 2.5])},
}
coordinates = {"test_sample": np.arange(10, 17), "output": np.arange(3), "time": [0.0, 0.5, 2.0]}


def same(found, wanted):
    if np.asarray(wanted).dtype.kind == "U":
        return [text(value) for value in found] == list(wanted)
    return np.array_equal(found, wanted)


with h5py.File(path) as file:
    names = []
    file.visit(names.append)
    for name in names:
        if isinstance(file[name], h5py.Dataset):
            check({"long_name", "units"} <= set(file[name].attrs), f"{name} lacks long_name or units")
            check(all(len(d) == 1 for d in file[name].dims) or file[name].attrs.get("CLASS") == b"DIMENSION_SCALE", f"{name} has an axis without scale")
    check(text(file.attrs["format"]) == "ntkflow", "attribute format")
    check(text(file.attrs["greek"]) == "σ² = 2", "attribute greek")
    check(text(file.attrs["config"]) == "c" * 200_000, "attribute config")
    check(text(file.attrs["empty"]) == "", "attribute empty")
    words = [row.tobytes().rstrip(b"\0").decode() for row in file["timing/phase"][()]]
    check(words == ["read", "factorise", "größer"], f"timing/phase is {words}")
    check(list(file.attrs)[:3] == ["format", "config", "empty"], "attributes are out of order")

for engine in ("h5netcdf", "netcdf4"):
    with xarray.open_dataset(path, engine=engine) as root:
        check(text(root.attrs["format"]) == "ntkflow", f"{engine}: attribute format")
        check(text(root.attrs["greek"]) == "σ² = 2", f"{engine}: attribute greek")
        check(len(text(root.attrs["config"])) == 200_000, f"{engine}: attribute config")
        check(list(root.attrs["grid"]) == [1, 3], f"{engine}: attribute grid")
        check(root.attrs["mpi_ranks"] == 3, f"{engine}: attribute mpi_ranks")
        check(set(root.coords) == {"test_sample", "test_sample_2", "output"}, f"{engine}: root coordinates")
    for group, variables in expected.items():
        with xarray.open_dataset(path, engine=engine, group=group) as dataset:
            for name, (dims, values) in variables.items():
                variable = dataset[name]
                check(variable.dims == dims, f"{engine}: {group}/{name} has dims {variable.dims}")
                check(same(variable.values, values), f"{engine}: {group}/{name} has values {variable.values}")
                check(not same(variable.values, np.asarray(values) + 1 if group != "timing" else ["x"]), "vacuous comparison")
                check(variable.attrs["long_name"] != "", f"{engine}: {group}/{name} has no long_name")
                for dim in dims:
                    if dim in dataset.coords and dim in coordinates:
                        check(same(dataset[dim].values, coordinates[dim]), f"{engine}: coordinate {dim}")
            if group == "dynamics":
                check(dataset["time"].attrs["units"] == "s", f"{engine}: units of time")
            if group == "regression":
                check(dataset.attrs["ridge"] == 0.125 and dataset.attrs["extra_19"] == 19, f"{engine}: attributes")
print("both engines read", path)
