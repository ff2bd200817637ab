/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the service manager how the server is doing (sd_notify's protocol: one datagram to $NOTIFY_SOCKET). */
#ifndef RRTO_SERVER_NOTIFY_H
#define RRTO_SERVER_NOTIFY_H

/* state: for example "READY=1\nSTATUS=3 sessions". Without a service manager nothing happens; failures are not errors.
 */
void rrto_notify(const char *state);

#endif
