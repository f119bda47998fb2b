/* The machine's last moments: all output is seen out before it is switched off. */
#pragma once

/* From now on requests are taken. */
void power_init(void);
/* Switches off if that was asked for and nothing is left to show. From the device's thread. */
void power_step(void);
