/*
 * 16550 UARTs.  Names as in the National Semiconductor PC16550D data sheet.
 *
 * The interrupt is masked by the CPU driver at each delivery.  It is edge
 * triggered, so the order is: unmask, then serve until the device has nothing
 * left; whatever comes during that raises an edge of its own, and nothing is lost.
 */
#include "libos/device/uart.h"

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/device/ports.h"
#include "libos/x86/barrier.h"
#include "libos/x86/context.h"

#define FIFO_BYTES 16

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };
enum { IER_ERBFI = 1, IER_ETBEI = 2 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVE = 2, FCR_TRIGGER_1 = 0 };
enum { LCR_8_BITS = 3, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT2 = 8 }; /* OUT2 lets the interrupt out of the device */
enum { LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { DIVISOR_115200 = 1 };

static void out(const struct uart *u, unsigned reg, uint32_t value) { port_out((uint16_t)(u->base + reg), 1, value); }
static uint32_t in(const struct uart *u, unsigned reg) { return port_in((uint16_t)(u->base + reg), 1); }

/* A register that keeps what is written to it is there only if the device is. */
static bool probe(const struct uart *u)
{
	out(u, SCR, 0x5a);
	if (in(u, SCR) != 0x5a)
		return false;
	out(u, SCR, 0xa5);
	return in(u, SCR) == 0xa5;
}

static void registers_init(const struct uart *u)
{
	out(u, IER, 0);
	out(u, LCR, LCR_DLAB | LCR_8_BITS);
	out(u, DLL, DIVISOR_115200);
	out(u, DLM, 0);
	out(u, LCR, LCR_8_BITS);
	out(u, FCR, FCR_ENABLE | FCR_TRIGGER_1);
	out(u, MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

err_t uart_init(struct uart *u, uint16_t base, unsigned irq)
{
	err_t err;

	u->base = base;
	u->irq = (uint8_t)irq;
	if (!probe(u))
		return ERR_NOT_FOUND;
	u->present = true;
	registers_init(u);
	err = notification_create(event_handle, &u->event, &u->notification, NULL);
	if (!err)
		err = irq_bind(TASK_IRQ, u->notification, irq);
	if (err)
		return err;
	uart_acknowledge(u);
	out(u, IER, IER_ERBFI);
	return 0;
}

void uart_acknowledge(struct uart *u)
{
	if (u->present)
		irq_ack(TASK_IRQ, u->irq);
}

bool uart_read(struct uart *u, char *c)
{
	if (!u->present || !(in(u, LSR) & LSR_DR))
		return false;
	*c = (char)in(u, RBR);
	return true;
}

size_t uart_write(struct uart *u, const char *text, size_t length)
{
	size_t done = 0;

	if (!u->present)
		return length;
	while (done < length && (in(u, LSR) & LSR_THRE)) {
		size_t end = length - done < FIFO_BYTES ? length : done + FIFO_BYTES;

		while (done < end)
			out(u, THR, (uint8_t)text[done++]);
	}
	return done;
}

void uart_finish(struct uart *u)
{
	/* A full FIFO at this speed takes less than 2 ms; a device that never says so must not keep the power on. */
	cycles_t end = context_now() + dispatcher_tsc_hz() / 100;

	while (u->present && !(in(u, LSR) & LSR_TEMT) && context_now() < end)
		cpu_pause();
}

void uart_want_room(struct uart *u, bool want)
{
	if (u->present && want != u->room_wanted)
		out(u, IER, IER_ERBFI | (want ? IER_ETBEI : 0));
	u->room_wanted = want;
}
