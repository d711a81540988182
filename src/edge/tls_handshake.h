#pragma once

#include "edge/connection.h"
#include "io/address.h"

namespace fairlead::edge {

// A TLS connection until its handshake is done; then the worker serves it by the protocol that was
// agreed on.
class TlsHandshake final : public ClientSocket {
 public:
  TlsHandshake(Worker& worker, io::Transport transport, io::Address peer);
  ~TlsHandshake() override;

  void drain(Duration) override {}
  void cut_off() override { end_of_life(); }
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;

 private:
  void fail();
  io::Address peer_;
};

}  // namespace fairlead::edge
