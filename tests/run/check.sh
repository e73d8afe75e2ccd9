# Sourced by ./dev check: builds, runs what was asked for, counts.
results=$PWD/build/results
rm -rf "$results"
mkdir -p "$results"

if [ "${1:-}" = --sanitize ]; then
    configure build/sanitize --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
    ninja -C build/sanitize --quiet
    # Containers' children end without the library's end: what they still hold is no leak.
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    python3 tests/run/catch.py build/sanitize "$results" || :
    exec python3 tests/run/count.py "$results"
fi

build_release
[ $# -gt 0 ] || set -- lint unit net cli fault conformance interop host
for part; do
    case $part in
    lint) python3 tests/lint/run.py --results "$results" || : ;;
    unit | kernel) [ -e "$results/catch.done" ] || python3 tests/run/catch.py build/release "$results" || : ; touch "$results/catch.done" ;;
    host) python3 tests/host/run.py --results "$results" || : ;;
    *)
        path=$part
        [ -e "$path" ] || path=tests/$part
        [ -e "$path" ] || { [ "$part" = "$path" ] && { say "there is no test '$part'"; exit 2; }; continue; }
        ls "$path"/test_*.py >/dev/null 2>&1 || [ -f "${path%%::*}" ] || continue
        python3 -m pytest -q --maxfail=50 -p no:cacheprovider --junitxml "$results/$(echo "$part" | tr / _).xml" "$path" || :
        ;;
    esac
done
exec python3 tests/run/count.py "$results"
