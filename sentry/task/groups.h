// SPDX-License-Identifier: Apache-2.0
/* Supplementary groups and user accounts, for those who build creds. */
#pragma once

#include "sentry/task/cred.h"

/* A sorted copy of @gids with one reference; NULL: -ENOMEM. */
struct group_list *group_list_create(const uint32_t *gids, unsigned n);
void group_list_put(struct group_list *g);
/* Replaces the groups of a private cred; takes @g. */
void cred_set_groups(struct cred *c, struct group_list *g);

/* Accounts live as long as someone is charged or runs as their user.
 * put(NULL) is harmless. */
struct user_account *user_account_get(struct user_account *u);
void user_account_put(struct user_account *u);
