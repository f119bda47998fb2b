/*
 * Names of hosts: without a network only what is an address already can be found.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/posix/errno.h"

#define PORT_MAX 65535

struct found {
	struct addrinfo info;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
};

int *__h_errno_location(void)
{
	static _Thread_local int value;

	return &value;
}

/* The port that a decimal text is; -1 if it is none. NULL is port 0. */
static long port_of(const char *service)
{
	char *end;
	long port;

	if (!service)
		return 0;
	port = strtol(service, &end, 10);
	return *service && !*end && port >= 0 && port <= PORT_MAX ? port : -1;
}

static bool family_wanted(const struct addrinfo *hints, int family)
{
	return !hints || hints->ai_family == AF_UNSPEC || hints->ai_family == family;
}

/* Fills address and family out of the text of an address, or for NULL the loopback or any address; an EAI_ number. */
static int address_fill(struct found *f, const char *host, const struct addrinfo *hints)
{
	bool any = hints && (hints->ai_flags & AI_PASSIVE);

	if (family_wanted(hints, AF_INET) && (!host || inet_pton(AF_INET, host, &f->address.v4.sin_addr) == 1)) {
		if (!host)
			f->address.v4.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
		f->address.any.sa_family = AF_INET;
		f->info.ai_addrlen = sizeof(f->address.v4);
		return 0;
	}
	if (family_wanted(hints, AF_INET6) && (!host || inet_pton(AF_INET6, host, &f->address.v6.sin6_addr) == 1)) {
		if (!host)
			f->address.v6.sin6_addr = any ? in6addr_any : in6addr_loopback;
		f->address.any.sa_family = AF_INET6;
		f->info.ai_addrlen = sizeof(f->address.v6);
		return 0;
	}
	if (hints && hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET && hints->ai_family != AF_INET6)
		return EAI_FAMILY;
	return hints && (hints->ai_flags & AI_NUMERICHOST) ? EAI_NONAME : EAI_AGAIN;
}

int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints,
		struct addrinfo **restrict out)
{
	long port = port_of(service);
	struct found *f;
	int error;

	if (!host && !service)
		return EAI_NONAME;
	if (port < 0)
		return EAI_SERVICE;
	f = calloc(1, sizeof(*f));
	if (!f)
		return EAI_MEMORY;
	error = address_fill(f, host, hints);
	if (error) {
		free(f);
		return error;
	}
	f->address.v4.sin_port = htons((uint16_t)port); /* at the same place in both */
	f->info.ai_family = f->address.any.sa_family;
	f->info.ai_socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
	f->info.ai_protocol = hints ? hints->ai_protocol : 0;
	f->info.ai_addr = &f->address.any;
	*out = &f->info;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list); /* the first field of struct found */
		list = next;
	}
}

int getnameinfo(const struct sockaddr *restrict a, socklen_t bytes, char *restrict host, socklen_t host_bytes,
		char *restrict service, socklen_t service_bytes, int flags)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	bool six = a->sa_family == AF_INET6;

	if ((a->sa_family != AF_INET && !six) || bytes < (six ? sizeof(*v6) : sizeof(*v4)))
		return EAI_FAMILY;
	if (flags & NI_NAMEREQD)
		return EAI_AGAIN;
	if (host && host_bytes &&
	    !inet_ntop(a->sa_family, six ? (const void *)&v6->sin6_addr : &v4->sin_addr, host, host_bytes))
		return EAI_OVERFLOW;
	if (service && service_bytes &&
	    (socklen_t)snprintf(service, service_bytes, "%u", ntohs(v4->sin_port)) >= service_bytes)
		return EAI_OVERFLOW;
	return 0;
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	h_errno = TRY_AGAIN;
	return NULL;
}

struct hostent *gethostbyaddr(const void *address, socklen_t bytes, int family)
{
	(void)address;
	(void)bytes;
	(void)family;
	h_errno = TRY_AGAIN;
	return NULL;
}

/* There is no list of services. */
struct servent *getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}

struct servent *getservbyport(int port, const char *protocol)
{
	(void)port;
	(void)protocol;
	return NULL;
}
