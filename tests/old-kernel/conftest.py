"""The bundles of tests/conformance."""
import importlib.util
import pathlib

_at = pathlib.Path(__file__).resolve().parent.parent / "conformance" / "conftest.py"
_spec = importlib.util.spec_from_file_location("bundles", _at)
_bundles = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_bundles)

bundle, root_bundle, user_bundle = _bundles.bundle, _bundles.root_bundle, _bundles.user_bundle
