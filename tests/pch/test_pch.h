// What nearly every unit test includes, compiled once.
#include "../../src/pch/bolt_pch.h"

#include "../catch.h"
