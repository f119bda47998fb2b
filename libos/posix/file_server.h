/*
 * This process's connections to 9P servers: one each, made when it is first needed, shared by all threads.
 *
 * file_server_enter gives the client to one thread, on the core where its channel is; whatever of
 * libos/ninep/client.h it calls then lets the others in while it waits for its answer, so several requests are in
 * flight. Whichever thread waits receives for all. A request whose answer may be long in coming goes by
 * file_server_request, which a signal breaks off.
 *
 * When a server has gone, what was open there gives EIO; the next lookup connects anew, to a later generation.
 */
#pragma once

#include "libos/ninep/client.h"
#include "libos/thread/thread.h"

struct file_tree {
	struct file_tree *next;
	char *name; /* aname */
	uint32_t root;
	struct ninep_qid qid;
};

struct file_server {
	struct file_server *next;
	struct ninep_client client;
	struct mutex lock;    /* of all that follows, and the client */
	struct cond answered; /* some request has its answer, or the one who received does so no more */
	bool receiving;       /* a thread waits at the link for all */
	bool open;            /* there is a connection, of this generation */
	bool lends;           /* it has lent a file's memory (Tmap) */
	struct fabric *fabric;
	uint32_t users;      /* threads within enter and leave */
	uint32_t generation; /* of the connection */
	uint32_t number;     /* st_dev */
	struct file_tree *trees;
	struct file_server_wait *watches; /* who wants to hear of answers that another thread receives */
	struct window *windows;           /* onto its memory: window.c */
	const void *tree;                 /* its tree's head, NULL: not here; absent.c's, as these */
	uint64_t tree_frame;
	uint32_t tree_turn;
	char name[];
};

/* A thread that waits for several servers at once. */
struct file_server_wait {
	struct file_server_wait *next;
	struct file_server *server;
	struct wait_set *set;
	unsigned asked; /* the user's */
	bool receives;  /* it has the channel in its set, and receives for all */
	uint32_t generation;
};

/*
 * With its lock, when the server has died, before anything is asked of its heir: what it lent is good for nothing any
 * more. NULL: nobody has any.
 */
extern void (*file_server_lost_mappings)(struct file_server *s);
extern void (*file_server_lost_windows)(struct file_server *s);
extern void (*file_server_lost_tree)(struct file_server *s);

/* By its service's name; connects if need be. An errno value: ENOENT when there is no such service. */
int file_server_find(const char *service, struct file_server **out);
/* Is there such a service now? It is not connected to. */
bool file_server_is_there(const char *service);
/* The client, for this thread; `*back` is for leave. The client may be broken: then every request says so. */
struct ninep_client *file_server_enter(struct file_server *s, uint32_t *back);
void file_server_leave(struct file_server *s, uint32_t back);
/* Within: the root of one of its trees. 0 or one of the numbers of ninep/error.h, as all that follow. */
unsigned file_server_root(struct file_server *s, const char *tree, uint32_t *fid, struct ninep_qid *qid);
/* Within: sends it and waits for the answer; NINEP_EINTR when a signal came first and the server has done nothing. */
unsigned file_server_request(struct file_server *s, struct ninep_request *r);
/*
 * Not within: from now on the set wakes when an answer has come: by the server's channel, if nobody receives
 * there, else by wait_set_interrupt. In between the thread does nothing with the server.
 */
void file_server_watch(struct file_server_wait *w, struct wait_set *set);
/* Ends that, and takes what has come. */
void file_server_unwatch(struct file_server_wait *w);
