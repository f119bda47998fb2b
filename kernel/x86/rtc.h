/* The wall clock that runs on a battery. */
#pragma once

#include "../abi/types.h"

/* Seconds since 1970 UTC; false: the clock gives no date. `century` is the FADT's register, or 0. */
bool rtc_read(uint8_t century, uint64_t *seconds);
