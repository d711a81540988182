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
      ClientEntry::unlink();
      worker_.serve(release(), peer_);
      return;
    }
    case io::IoStatus::kEnd:
    case io::IoStatus::kFailed:
      fail();
  }
}

void TlsHandshake::on_timeout() { fail(); }

void TlsHandshake::fail() {
  worker_.stats().handshakes_failed.add();
  end_of_life();
}

}  // namespace fairlead::edge
