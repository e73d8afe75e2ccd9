// Catch2 of either major version: 2 (Debian 12, one header, catch_main.cpp beside this) and 3 (Debian 13, a library).
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "base/result.h"

// Requires success and says the error's text when there is none.
#define REQUIRE_OK(...)                                                                                                \
    do {                                                                                                               \
        auto const& bolt_test_result = (__VA_ARGS__);                                                                  \
        if (!bolt_test_result.ok()) FAIL(bolt_test_result.error().text());                                             \
        SUCCEED();                                                                                                     \
    } while (false)
