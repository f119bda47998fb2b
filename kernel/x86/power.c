/*
 * Off, again, or out of the emulator.
 *
 * Off is ACPI's S5 state by the registers that the FADT names.  A reset is tried
 * three ways, best first: FADT's reset register, the chipset's port 0xcf9, the
 * keyboard controller.  The port that ends QEMU is used only when the command
 * line says that it is there: on other machines it may be anything.
 */
#include "arch.h"
#include "asm.h"
#include "cmdline.h"
#include "machine.h"
#include "paging.h"

#include "../abi/syscall.h"

#define DEBUG_EXIT_PORT 0xf4
#define PM1_SCI_ENABLE 0x1
#define PM1_SLEEP_ENABLE 0x2000
#define PM1_TYPE_SHIFT 10
#define PM1_TYPE_MASK 0x1c00
#define SPIN 10000000

static void spin(void)
{
	for (unsigned i = 0; i < SPIN; i++)
		cpu_pause();
}

static void sleep_enter(uint16_t port, uint8_t type)
{
	if (port)
		outw(port, (uint16_t)((inw(port) & ~(PM1_TYPE_MASK | PM1_SLEEP_ENABLE)) | type << PM1_TYPE_SHIFT |
				      PM1_SLEEP_ENABLE));
}

static void power_off(void)
{
	const struct acpi_info *a = &machine.acpi;

	if (!a->off_valid || !a->pm1a_control)
		return;
	if (a->smi_command && a->acpi_enable && !(inw(a->pm1a_control) & PM1_SCI_ENABLE)) {
		outb(a->smi_command, a->acpi_enable);
		for (unsigned i = 0; i < SPIN && !(inw(a->pm1a_control) & PM1_SCI_ENABLE); i++)
			cpu_pause();
	}
	sleep_enter(a->pm1a_control, a->off_a);
	sleep_enter(a->pm1b_control, a->off_b);
	spin();
}

static void power_reset(void)
{
	const struct acpi_info *a = &machine.acpi;

	if (a->reset_valid) {
		if (a->reset_space == 1)
			outb((uint16_t)a->reset_address, a->reset_value);
		else
			*(volatile uint8_t *)paging_map_device(DEVICE_SCRATCH, a->reset_address) = a->reset_value;
		spin();
	}
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	spin();
	outb(0x64, 0xfe);
	spin();
}

void arch_power(unsigned how, unsigned code)
{
	if (how == POWER_OFF)
		power_off();
	else if (how == POWER_REBOOT)
		power_reset();
	else if (how == POWER_DEBUG_EXIT && cmdline_has(arch_start.info.cmdline, "debugexit"))
		outl(DEBUG_EXIT_PORT, code);
}
