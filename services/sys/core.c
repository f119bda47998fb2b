/*
 * /core/N: a core each.
 *
 *     status   state, and while it is up what its monitor and CPU driver say of it, as `cores` shows it
 *     ctl      stop [ONTO], start, update
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "services/sys/tree.h"

/* A core that does not answer is one all the same. */
static bool exists(uint64_t core)
{
	struct mon_core c;

	return core < CORES_MAX && mon_core((coreid_t)core, &c) != ERR_CORE_ID;
}

static unsigned core_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	char text[NINEP_NAME_MAX + 1];

	(void)dir;
	name_copy(text, name);
	*out = (struct ninep_file){ .node = core_dirs };
	return number_parse(text, CORES_MAX - 1, &out->key) && exists(out->key) ? 0 : NINEP_ENOENT;
}

static unsigned core_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	(void)dir;
	if (!exists(*index))
		return NINEP_ENOENT;
	*out = (struct ninep_file){ .node = core_dirs, .key = *index };
	snprintf(name, NINEP_NAME_MAX + 1, "%" PRIu64, *index);
	return 0;
}

static unsigned core_parent(const struct ninep_file *f, struct ninep_file *out)
{
	if (f->node == core_dirs)
		*out = (struct ninep_file){ .node = &sys_files[SYS_CORE] };
	else
		*out = (struct ninep_file){ .node = core_dirs, .key = f->key };
	return 0;
}

static const char *state_text(unsigned state)
{
	static const char *const text[] = {
		[MON_CORE_ABSENT] = "absent",
		[MON_CORE_UP] = "up",
		[MON_CORE_MISSING] = "missing",
		[MON_CORE_OFF] = "off",
	};

	return state < sizeof(text) / sizeof(*text) && text[state] ? text[state] : "unknown";
}

static unsigned status_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct mon_core c;
	err_t err = mon_core((coreid_t)f->key, &c);

	if (err)
		text_add(&t, "state silent\nreason %s\n", error_text(err));
	else
		text_add(&t, "state %s\napic %" PRIu32 "\n", state_text(c.state), c.apic_id);
	if (!err && c.state == MON_CORE_UP) {
		text_add(&t, "at %" PRIu32 "\nprocesses %" PRIu32 "\nmessages %" PRIu64 "\n", c.at, c.processes,
			 c.messages);
		text_add(&t, "uptime %" PRIu64 "\nidle %" PRIu64 "\nhz %" PRIu64 "\n", c.uptime, c.idle, c.tsc_hz);
		text_add(&t, "ipis_out %" PRIu64 "\nipis_in %" PRIu64 "\n", c.ipis_sent, c.ipis_received);
		text_add(&t, "memory %" PRIu64 "\nfree %" PRIu64 "\n", c.ram_total, c.ram_free);
	}
	*length = t.length;
	return 0;
}

static unsigned ctl_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count)
{
	static const char *const verbs[] = { "stop", "start", "update" }; /* enum mon_core_control */
	uint64_t onto = CORE_ANY;
	unsigned control = 0, error;
	struct command c;

	(void)call, (void)offset;
	error = command_parse(&c, from, *count);
	if (error)
		return error;
	while (control < 3 && strcmp(c.word[0], verbs[control]))
		control++;
	if (control == 3 || c.count > (control == MON_CORE_STOP ? 2 : 1))
		return NINEP_EINVAL;
	if (c.count == 2 && !number_parse(c.word[1], CORES_MAX - 1, &onto))
		return NINEP_EINVAL;
	return ninep_error_of(mon_core_control((coreid_t)f->key, control, (coreid_t)onto));
}

static const struct ninep_handlers dir_handlers = { .parent = core_parent };
static const struct ninep_handlers status_handlers = { .text = status_text, .parent = core_parent };
static const struct ninep_handlers ctl_handlers = { .write = ctl_write, .parent = core_parent };

static const struct ninep_node files[] = {
	{ "status", NINEP_FILE | 0444, &status_handlers, NULL, NULL },
	{ "ctl", NINEP_FILE | 0222, &ctl_handlers, NULL, NULL },
	{ 0 },
};

const struct ninep_node core_dirs[] = { { "N", NINEP_DIR | 0555, &dir_handlers, files, NULL }, { 0 } };
const struct ninep_handlers core_handlers = { .lookup = core_lookup, .entry = core_entry };
