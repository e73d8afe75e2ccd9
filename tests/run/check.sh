# Sourced by ./dev check: builds, runs what was asked for, counts.
results=$PWD/build/results
rm -rf "$results"
mkdir -p "$results"

if [ "${1:-}" = --sanitize ]; then
    shift
    configure build/sanitize --buildtype=debug -Doptimization=1 -Db_lto=false -Db_sanitize=address,undefined -Db_lundef=false -Dcpp_args=-fno-sanitize=vptr
    ninja -C build/sanitize --quiet
    # Containers' children end without the library's end: what they still hold is no leak.
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    python3 tests/run/run_tests.py build/sanitize "$results" "$@" || :
    exec python3 tests/run/count.py "$results"
fi

build_release true
if [ $# = 0 ]; then
    python3 tests/lint/run.py --results "$results" || :
    python3 tests/run/run_tests.py build/release "$results" || :
    python3 tests/host/run.py --results "$results" || :
else
    for part; do
        case $part in
        lint) python3 tests/lint/run.py --results "$results" || : ;;
        host) python3 tests/host/run.py --results "$results" || : ;;
        *) python3 tests/run/run_tests.py build/release "$results" "$part" || : ;;
        esac
    done
fi
exec python3 tests/run/count.py "$results"
