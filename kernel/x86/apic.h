/*
 * This core's local APIC: end of interrupt, one-shot timer, messages to cores.
 * Registers through MSRs where there is an x2APIC, else through the xAPIC's page.
 */
#pragma once

#include "../abi/types.h"

/* Switch it on, all own sources masked; each core, after paging_init(). */
void apic_init(void);
/*
 * The interrupt that is being served is done with. A device's must be masked
 * first: a level-triggered line that is still asserted would come straight back.
 */
void apic_eoi(void);
/* Every other core to where it waits for a start-up message. */
void apic_send_init_others(void);
/* Likewise one, by APIC id; the start-up message. `page`: number of the 4 KiB page where it begins. */
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, unsigned page);
/* For calibration: count down from the most, silently; what is left. */
void apic_timer_run(void);
uint32_t apic_timer_left(void);
void apic_timer_stop(void);
