/* How fast the TSC and the APIC timer run. */
#pragma once

#include "../abi/types.h"

/* Measure both against the best clock there is; the boot core, after apic_init(). False: no clock runs. */
bool tsc_calibrate(uint64_t *tsc_hz, uint64_t *apic_scale);
