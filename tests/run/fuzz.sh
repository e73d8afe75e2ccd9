# Sourced by ./dev fuzz: libFuzzer over every target of tests/fuzz, built by clang.
seconds=${1:-60}
ls tests/fuzz/*.cpp >/dev/null 2>&1 || { say "there are no fuzz targets"; exit 1; }
CC=clang CXX=clang++ configure build/fuzz --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true
ninja -C build/fuzz --quiet
# The words of the documents, from where they are parsed.
grep -oh '"[A-Za-z_][A-Za-z_.0-9:]*"' src/spec/*.cpp src/oci/*.cpp src/monitor/state.cpp src/cli/oci_container.cpp | sort -u >build/fuzz/words
for target in build/fuzz/tests/fuzz/fuzz-*; do
    if [ ! -x "$target" ] || [ ! -f "$target" ]; then continue; fi
    name=${target##*/fuzz-}
    say "fuzzing $name for $seconds s"
    mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
    "$target" -max_total_time="$seconds" -dict=build/fuzz/words -timeout=10 -rss_limit_mb=2048 "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
done
