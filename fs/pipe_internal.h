// SPDX-License-Identifier: Apache-2.0
/*
 * What the three files of pipes share (pipe.c says how it works); nobody else includes
 * this.
 */
#pragma once

#include "fs/pipe.h"

struct pipe_slot {
	char *page; /* owned */
	uint32_t off, len;
	bool packet;
};

struct pipe {
	struct mutex lock;	/* LOCK_FILE_DATA; protects all below but the queue */
	struct waitq queue;	/* IN: data or end; OUT: room or no readers */
	struct pipe_slot *ring; /* owned; n_slots of them */
	unsigned n_slots, head,
		used,	  /* slots in use: head, head + 1, ... modulo n_slots */
		reserved; /* free slots that a splice will fill */
	bool held;	  /* a splice reads; its bytes stay where they are */
	unsigned readers, writers;
	uint64_t reader_opens, writer_opens; /* ever: what a FIFO's open waits for */
	char *spare; /* one free page kept for the next write; owned */
};

/* A FIFO's open file: how often the other side had been opened when this one came. */
struct fifo_file {
	uint64_t other_opens;
};

static inline struct pipe_slot *pipe_slot_at(struct pipe *p, unsigned i)
{
	return &p->ring[(p->head + i) % p->n_slots];
}

/* --- pipe.c --- */
extern const struct file_ops pipe_ops;
/* Empty, with no reader or writer. -ENOMEM. */
int pipe_new(struct pipe **out);
/* 1: there are bytes; 0: the end; -EAGAIN: none now, or they are another's. */
int pipe_readable_locked(struct pipe *p) MUST_HOLD(p->lock);
/* The first slot is used up. */
void pipe_drop_head(struct pipe *p) MUST_HOLD(p->lock);
