"""The gate of `security_gate.py` lets nothing through that it is there for, and lint calls it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys

import pytest

from tests.architecture.security_gate import (
    EXEMPT,
    MODULES,
    NAMES,
    READERS,
    ROOT,
    forbidden,
    main,
    sources_of,
    unneeded,
)

SAMPLES = [
    "import pickle",
    "import pickle as p",
    "import _pickle",
    "def late():\n    from cloudpickle import loads",
    "from pickle import loads as read",
    "from pickle import *",
    "from dill import Unpickler",
    "import marshal, json",
    "import shelve",
    "if TYPE_CHECKING:\n    import joblib",
    "import joblib.externals.cloudpickle",
    "from joblib import externals",
    "import importlib\nimportlib.import_module('pickle')",
    "from importlib import import_module as load\nload('dill')",
    "import importlib\nimportlib.import_module(name='pickle')",
    "import importlib\nimportlib.__import__('pickle')",
    "import pkgutil\npkgutil.resolve_name('pickle.loads')",
    "import sys\nsys.modules.get('pickle')",
    "import timeit\ntimeit.timeit(text)",
    "from jubako._references import load_reference\nload_reference('pickle:loads')",
    "READ = 'pickle:loads'",
    "import sys\nsys.modules['pickle'].loads(b'')",
    "from multiprocessing.connection import Client",
    "from concurrent.futures import ProcessPoolExecutor",
    "import pandas as pd\npd.read_pickle(path)",
    "from pandas import read_pickle as read",
    "import torch\ntorch.load(path)",
    "import torch\ntorch.load(path, weights_only=False)",
    "import torch\ntorch.load(path, weights_only=flag)",
    "import torch\nread = torch.load",
    "from torch import load\nload(path)",
    "import torch.jit\ntorch.jit.load(path)",
    "import numpy as np\nnp.load(path)",
    "import numpy\nnumpy.load(path, allow_pickle=True)",
    "import numpy\nnumpy.load(path, allow_pickle=1)",
    "from numpy import load as read\nread(path)",
    "import numpy as np\nnp.lib.format.read_array(file, allow_pickle=True)",
    "import numpy as np\nnp.lib.format.read_array(file, True)",
    "import numpy as np\nnumbers = np\nnumbers.load(path)",
    "from skops.io import load\nload(path)",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
    "import yaml as y\ny.unsafe_load(text)",
    "from yaml import full_load as parse",
    "from yaml import CLoader as Loader",
    "import yaml\nclass Loader(yaml.UnsafeLoader): ...",
    "import yaml\nyaml.safe_load(text)",
    "eval('1')",
    "exec(text)",
    "run = compile",
    "__import__('pickle')",
    "__builtins__['eval']('1')",
    "import builtins as b\nb.eval('1')",
    "from builtins import exec as run",
    "import builtins\ngetattr(builtins, 'eval')('1')",
    "map(eval, texts)",
    "import runpy\nrunpy.run_path(path)",
    "import os\nos.system('ls')",
    "from os import system as run",
    "import os\nos.popen('ls')",
    "import subprocess\nsubprocess.run('ls', shell=True)",
    "import subprocess\nsubprocess.run('ls', shell=flag)",
    "import subprocess as s\ns.getoutput('ls')",
    "import asyncio\nasyncio.create_subprocess_shell('ls')",
    "loop.subprocess_shell(make, 'ls')",
    "import tarfile\ntarfile.open(path).extractall(folder)",
    "archive.extract(member, folder)",
    "with open_archive() as archive:\n    take = archive.extractall",
    "import tarfile\ntarfile.TarFile.extractall(archive)",
    "from shutil import unpack_archive as unpack",
    "import tempfile\ntempfile.mktemp()",
    "from tempfile import mktemp",
]
HARMLESS = [
    "import re\nre.compile('x')",
    "model.eval()",
    "class A:\n    def exec(self): ...",
    "import numpy as np\nnp.load(path, allow_pickle=False)",
    "import torch\ntorch.load(path, map_location='cpu', weights_only=True)",
    "import subprocess\nsubprocess.run(['ls'], shell=False)",
    "import json\njson.loads(text)",
    "'''joblib:load''' 'and more words: none'",
    "import yaml\nyaml.parse(text, Loader=yaml.CSafeLoader)",
    "name = 'cloudpickle'",
    "loader.exec_module(module)",
]


def test_nothing_forbidden_is_in_the_sources(capsys):
    assert main() == 0, capsys.readouterr().out


@pytest.mark.parametrize("text", SAMPLES)
def test_what_is_forbidden_is_found_under_every_name(text):
    assert forbidden("jubako.stores.local", text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_is_not_found(text):
    assert forbidden("jubako.stores.local", text) == []


@pytest.mark.parametrize("name", [*MODULES, *(name for name in NAMES if "." in name)])
def test_each_name_of_the_lists_is_found_however_it_is_imported(name):
    module, _, last = name.rpartition(".")
    ways = [f"import {name} as x\nx.y"] if name in MODULES else [f"import {module} as x\nx.{last}"]
    if module:
        ways += [f"from {module} import {last} as x\nx", f"import {module}\n{name}", f"READ = '{module}:{last}'"]
    for text in ways:
        assert forbidden("jubako.stores.local", text), text


def test_an_exempt_module_may_do_no_more_than_its_reason_says():
    assert forbidden("jubako.payloads._pickled", "import pickle\npickle.dumps(1)") == []
    assert forbidden("jubako.payloads._pickled", "import pickle\npickle.loads(body)")
    assert forbidden("jubako.payloads._pickled", "import pickle\nread = getattr(pickle, name)")
    assert forbidden("jubako.serializers._unpickle", "import dill")


def test_in_each_distribution_one_module_reads_pickles():
    readers = [
        module
        for module, names in EXEMPT.items()
        if any(name.partition(".")[0] in MODULES and name.rpartition(".")[2] in READERS for name in names)
    ]
    distributions = [module.partition(".")[0] for module in readers]
    assert len(distributions) == len(set(distributions)), readers


def test_an_exemption_that_nothing_needs_is_told():
    assert unneeded({"jubako.serializers.cloudpickle": "import json"}) == [
        "jubako.serializers.cloudpickle: the exemption for cloudpickle.dump is not needed"
    ]
    assert set(EXEMPT) <= set(sources_of(ROOT)), "a module that there is not"


def test_lint_runs_it_and_fails_when_something_is_planted(tmp_path):
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    command = "python tests/architecture/security_gate.py"
    assert command in tox["testenv:lint"]["commands"].splitlines()
    for path in ("core/src/jubako/stores/local.py", "plugins/sklearn_runner/src/x/y.py", "toxfile.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("import json\n")
    gate = tmp_path / "tests/architecture/security_gate.py"
    gate.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tests/architecture/security_gate.py", gate)

    def lint():
        return subprocess.run(
            [sys.executable, "-I", *command.split()[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert (lint().returncode, lint().stdout) == (0, "")
    (tmp_path / "plugins/sklearn_runner/src/x/y.py").write_text("\nfrom pickle import loads as read\n")
    found = lint()
    assert found.returncode == 1
    assert found.stdout.startswith("plugins/sklearn_runner/src/x/y.py:2: pickle.loads: reading a pickle runs")
