# Sourced by ./dev fuzz: libFuzzer over every target of tests/fuzz, built by clang.
seconds=${1:-60}
ls tests/fuzz/*.cpp >/dev/null 2>&1 || { say "there are no fuzz targets"; exit 1; }
CC=clang CXX=clang++ configure build/fuzz --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true
ninja -C build/fuzz --quiet
for target in build/fuzz/tests/fuzz/fuzz-*; do
    if [ ! -x "$target" ] || [ ! -f "$target" ]; then continue; fi
    name=${target##*/fuzz-}
    say "fuzzing $name for $seconds s"
    mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
done
