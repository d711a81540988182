// Keys of session tickets (RFC 5077, RFC 8446 §4.6.1): shared by all contexts and threads of the
// process, so that a client resumes on any loop and after certificates were reloaded.
#pragma once

using SSL_CTX = struct ssl_ctx_st;

namespace fairlead::io {

// Makes tickets of this context use the process's keys. A key makes tickets for kTicketKeyTime and
// opens them as long again; then it is gone from memory, and what was recorded on the wire stays
// secret. Resumption keeps no state on this side.
void share_ticket_keys(SSL_CTX* context);

}  // namespace fairlead::io
