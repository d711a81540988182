#include "edge/tls_handshake.h"

#include "edge/worker.h"

namespace fairlead::edge {

TlsHandshake::TlsHandshake(Worker& worker, io::Transport transport, io::Address peer)
    : ClientSocket(worker, std::move(transport)), peer_(peer) {
  worker_.timeouts().handshake.arm(*this, worker_.plan().timeouts().tls_handshake);
}

TlsHandshake::~TlsHandshake() = default;

void TlsHandshake::on_ready(std::uint32_t) {
  switch (transport_.handshake().status) {
    case io::IoStatus::kWouldBlock:
      return;
    case io::IoStatus::kDone: {
      // Whoever asked for the proof of an ACME challenge has it by now (RFC 8737 §3).
      if (transport_.alpn() == "acme-tls/1") return end_of_life();
      ClientEntry::unlink();
      worker_.serve(release(), peer_);
      return;
    }
    case io::IoStatus::kFailed:
      worker_.note_broken(peer_.host(), 0);
      [[fallthrough]];
    case io::IoStatus::kEnd:
      fail();
  }
}

void TlsHandshake::on_timeout() { fail(); }

void TlsHandshake::fail() {
  worker_.stats().handshakes_failed.add();
  end_of_life();
}

}  // namespace fairlead::edge
