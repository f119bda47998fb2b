/* See survey.h. */
#include "libos/fleet/survey.h"

#include <stddef.h>
#include <string.h>

#include "libos/core/monitor_client.h"
#include "libos/fleet/fleet_client.h"

err_t fleet_survey(struct fleet_client *c, struct fleet_survey *out)
{
	out->count = FLEET_MEMBERS;
	return fleet_list(&c->rpc, &out->head, &out->times, &out->count, out->member);
}

err_t fleet_survey_of(const char *name, struct fleet_client *c, struct fleet_survey *out)
{
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(c, f, NULL, name);
	if (err)
		return err;
	err = fleet_survey(c, out);
	if (err)
		fleet_client_close(c);
	return err;
}

err_t fleet_survey_kill(const struct fleet_survey *s, uint32_t number)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->member[i].number == number)
			return mon_kill(s->member[i].at.pid);
	return ERR_NOT_FOUND;
}

unsigned fleet_survey_serving(const struct fleet_survey *s)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < s->count; i++)
		n += s->member[i].state == FLEET_SERVING;
	return n;
}

const char *fleet_state_text(uint32_t state)
{
	static const char *const text[] = {
		[FLEET_JOINING] = "joining",
		[FLEET_SERVING] = "serving",
		[FLEET_LEAVING] = "leaving",
	};

	return state < sizeof text / sizeof *text ? text[state] : "?";
}

/* --- policy ------------------------------------------------------------------------------------ */

static const struct field {
	const char *name;
	size_t offset;
} fields[] = {
	{ "least", offsetof(struct fleet_policy, least) },     { "most", offsetof(struct fleet_policy, most) },
	{ "high", offsetof(struct fleet_policy, high) },       { "low", offsetof(struct fleet_policy, low) },
	{ "rise", offsetof(struct fleet_policy, rise) },       { "fall", offsetof(struct fleet_policy, fall) },
	{ "beat", offsetof(struct fleet_policy, beat) },       { "patience", offsetof(struct fleet_policy, patience) },
	{ "mirrors", offsetof(struct fleet_policy, mirrors) },
};
#define FIELDS (sizeof fields / sizeof *fields)

const char *fleet_policy_name(unsigned field) { return field < FIELDS ? fields[field].name : NULL; }

uint32_t fleet_policy_value(const struct fleet_policy *p, unsigned field)
{
	return *(const uint32_t *)((const char *)p + fields[field].offset);
}

static bool number_parse(const char *text, uint32_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

bool fleet_policy_parse(struct fleet_policy *p, const char *text)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		size_t length = strlen(fields[i].name);

		if (!strncmp(text, fields[i].name, length) && text[length] == '=')
			return number_parse(text + length + 1, (uint32_t *)((char *)p + fields[i].offset));
	}
	return false;
}
