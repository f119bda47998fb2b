/*
 * The request comes from the monitor, in disabled mode; the device's thread, which
 * it wakes, carries it out when the ring is empty and the device has sent its last byte.
 */
#include "services/console/power.h"

#include "libos/core/monitor_client.h"
#include "services/console/output.h"

static bool wanted;
static unsigned power_how, power_code;

static void power_asked(unsigned how, unsigned code)
{
	power_how = how;
	power_code = code;
	wanted = true;
	event_raise(&uart.event);
}

void power_init(void) { mon_set_power_handler(power_asked); }

void power_step(void)
{
	if (!*(volatile bool *)&wanted || !output_empty())
		return;
	uart_finish(&uart);
	wanted = false;
	mon_power(power_how, power_code);
}
