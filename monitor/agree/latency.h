/*
 * How long a line to another monitor and its answer take: latency.c.
 */
#pragma once

#include "monitor/agree/places.h"

void latency_init(void);
/* This core has made a link: a few pings go there, unless as many cores as it has records for are measured already. */
void latency_measure(coreid_t core);
/* An answer to one of them came at the time `now`; others are passed over. */
void latency_heard(coreid_t from, uint64_t stamp, cycles_t now);
/* By place: 0 when it was not measured, else a class, four to each doubling. */
extern uint8_t latency_class[CORES_MAX];
