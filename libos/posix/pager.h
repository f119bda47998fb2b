/*
 * Where a program's memory comes from.
 */
#pragma once

/* The page service is asked from now on, once there is one; by services, drivers and monitors it is not. */
void pager_init(void);
