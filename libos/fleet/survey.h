/*
 * A fleet as it tells about itself, and its policy's fields by their names: for those who show and command fleets.
 */
#pragma once

#include "libos/fleet/client.h"

struct fleet_survey {
	struct fleet_head head;
	struct fleet_times times;
	struct fleet_member member[FLEET_MEMBERS]; /* the coordinator first */
	uint32_t count;
};

err_t fleet_survey(struct fleet_client *c, struct fleet_survey *out);
/* Connects and asks. When there was no error the caller closes `c` again. */
err_t fleet_survey_of(const char *name, struct fleet_client *c, struct fleet_survey *out);
/* Ends the process of the member of that number; ERR_NOT_FOUND: there is none. */
err_t fleet_survey_kill(const struct fleet_survey *s, uint32_t number);
/* How many serve. */
unsigned fleet_survey_serving(const struct fleet_survey *s);
/* "joining", "serving", ... */
const char *fleet_state_text(uint32_t state);

/* The fields of a policy; NULL: there are no more. */
const char *fleet_policy_name(unsigned field);
uint32_t fleet_policy_value(const struct fleet_policy *p, unsigned field);
/* Takes in FIELD=VALUE, the value in decimal. False: no such field, or no number of 32 bits. */
bool fleet_policy_parse(struct fleet_policy *p, const char *text);
