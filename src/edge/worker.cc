#include "edge/worker.h"

#include <sys/random.h>

#include "edge/client_connection.h"
#include "edge/h2_connection.h"
#include "edge/listen_socket.h"
#include "edge/proxy_preface.h"
#include "edge/tls_handshake.h"

namespace fairlead::edge {

namespace {

// Room for a 64 KiB body together with its head.
constexpr std::size_t kBufferSize = 68 * 1024;
// What an idle client gets, when the worker drains, for a request that is already on its way.
constexpr Duration kDrainGrace = 500ms;
constexpr char kHexDigits[] = "0123456789abcdef";

// Heads that were parsed once, and a few fields more.
constexpr http::HeadLimits kCacheLimits = {
    .max_line = 128 << 10, .max_bytes = 128 << 10, .max_fields = http::HeadParser::kMaxFields};

http::HeadLimits head_limits(const control::EdgeLimits& limits) {
  return {.max_line = std::min<std::size_t>(limits.max_head, 8 * 1024),
          .max_bytes = limits.max_head,
          .max_fields = limits.max_fields};
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(std::size_t index, WorkerShared& shared,
                                               PlanPtr plan) {
  TRY(auto loop, io::Loop::create());
  std::unique_ptr<Worker> worker(new Worker(index, shared, std::move(loop)));
  worker->install(std::move(plan));
  return worker;
}

Worker::Worker(std::size_t index, WorkerShared& shared, std::unique_ptr<io::Loop> loop)
    : index_(index),
      shared_(shared),
      loop_(std::move(loop)),
      timeouts_(*loop_),
      access_log_(*loop_, shared.access_log),
      client_buffer_(kBufferSize),
      origin_buffer_(kBufferSize),
      cache_request_parser_(kCacheLimits),
      cache_response_parser_(kCacheLimits),
      limit_parser_(kCacheLimits),
      waiting_timer_(*loop_, [this] { let_waiting_go_on(); }),
      drain_timer_(*loop_, [this] { close_all(); }) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    random = static_cast<std::uint64_t>(now().time_since_epoch().count());
  }
  for (std::size_t i = 0; i < 16; ++i) request_id_[i] = kHexDigits[random >> (4 * i) & 15];
  request_id_[16] = '-';
  trace_random_ = stable_bits(random);
}

Worker::~Worker() {
  close_all();
  origin_pools_.clear();
  retired_origins_.clear();
  buried_.clear();
}

void Worker::start_thread() {
  thread_ = std::thread([this] { loop_->run(); });
  ::pthread_setname_np(thread_.native_handle(), fmt::format("loop-{}", index_).c_str());
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

// ---- plans

void Worker::take_plan(PlanPtr plan, std::vector<ListeningFd> add,
                       std::move_only_function<void()> taken) {
  loop_->post(
      [this, plan = std::move(plan), add = std::move(add), taken = std::move(taken)]() mutable {
        install(std::move(plan));
        std::erase_if(listeners_, [&](const std::unique_ptr<ListenSocket>& listener) {
          const auto& wanted = plan_->snapshot().listeners;
          const bool keep = std::any_of(wanted.begin(), wanted.end(), [&](const auto& spec) {
            return spec.address == listener->address() && spec.tls == listener->tls();
          });
          if (!keep) listener->accept_all();
          return !keep;
        });
        for (ListeningFd& socket : add) {
          auto listener = std::make_unique<ListenSocket>(*this, std::move(socket));
          if (!draining_ && listener->start()) listeners_.push_back(std::move(listener));
        }
        taken();
      });
}

void Worker::install(PlanPtr plan) {
  plan_ = std::move(plan);
  request_parser_ = http::HeadParser(head_limits(plan_->limits()));
  std::unordered_map<const Target*, std::unique_ptr<OriginPool>> before;
  before.swap(origin_pools_);
  pools_.clear();
  const auto& specs = plan_->snapshot().pools;
  for (std::size_t p = 0; p < specs.size(); ++p) {
    std::vector<OriginPool*> origins;
    for (const TargetPtr& target : plan_->targets()[p]) {
      auto& slot = origin_pools_[target.get()];
      if (auto known = before.extract(target.get())) {
        slot = std::move(known.mapped());
      } else if (!slot) {
        slot = std::make_unique<OriginPool>(*this, target);
      }
      origins.push_back(slot.get());
    }
    auto& pool = pools_by_name_[specs[p].name];
    if (pool && pool->rules.balance != specs[p].balance) replaced_pools_.push_back(std::move(pool));
    if (!pool) pool = std::make_unique<Pool>(specs[p]);
    pool->rules = specs[p];
    pool->rules.origins.clear();
    if (pool->origins != origins) {
      pool->origins = std::move(origins);
      pool->balancer.reset(pool->origins, index_);
    }
    if (shared_.cache) {
      const std::string_view name = pool->rules.name;
      pool->environment = shared_.cache->environment_id(name.substr(0, name.rfind('/')));
    }
    pools_.push_back(pool.get());
  }
  retire(std::move(before));
  release_held();
}

// What waited in a pool that is not held any more goes on, under the new plan. One whose pool is
// gone finds nothing ready there and is answered.
void Worker::release_held() {
  std::vector<Exchange*> free;
  const auto close = [](Pool& pool) {
    pool.rules.held = false;
    pool.rules.max_wait_ms = 0;
  };
  const auto collect = [&](Pool& pool) {
    if (!pool.rules.held) free.insert(free.end(), pool.waiting.begin(), pool.waiting.end());
  };
  for (auto& [name, pool] : pools_by_name_) {
    if (std::ranges::find(pools_, pool.get()) == pools_.end()) close(*pool);
    collect(*pool);
  }
  for (auto& pool : replaced_pools_) {
    close(*pool);
    collect(*pool);
  }
  // Answering one may end others (a connection that breaks): each is looked at again.
  for (Exchange* exchange : free) exchange->go_on();
}

void Worker::look_after_waiting(bool now) {
  constexpr Duration kLook = 5ms;  // readiness is found out on another thread
  if (now || !waiting_timer_.armed())
    waiting_timer_.arm(loop_->now() + (now ? Duration(0) : kLook));
}

void Worker::let_waiting_go_on() {
  bool some_wait = false;
  const auto let_go = [&](Pool& pool) {
    while (!pool.waiting.empty() && pool.waiting.front()->go_on()) {
    }
    some_wait = some_wait || (!pool.waiting.empty() && !pool.rules.held);
  };
  for (Pool* pool : pools_) let_go(*pool);
  for (auto& pool : replaced_pools_) let_go(*pool);
  if (some_wait) look_after_waiting();
}

// Pools and origins that the plan no longer has: they stay while exchanges use them.
void Worker::retire(std::unordered_map<const Target*, std::unique_ptr<OriginPool>> origins) {
  for (auto& [name, pool] : pools_by_name_) {
    if (std::ranges::find(pools_, pool.get()) == pools_.end()) pool->origins.clear();
  }
  std::erase_if(pools_by_name_, [this](const auto& entry) {
    return entry.second->users == 0 &&
           std::ranges::find(pools_, entry.second.get()) == pools_.end();
  });
  for (auto& pool : replaced_pools_) pool->origins.clear();
  std::erase_if(replaced_pools_, [](const auto& pool) { return pool->users == 0; });
  for (auto& [target, origin] : origins) {
    origin->retire();
    retired_origins_.push_back(std::move(origin));
  }
  std::erase_if(retired_origins_, [](const auto& origin) { return origin->unused(); });
}

// ---- connections

void Worker::accepted(UniqueFd fd, io::Address peer, bool tls, bool proxy_protocol) {
  stats_.connections_accepted.add();
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >=
      plan_->limits().max_connections) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    stats_.connections_refused.add();
    return;
  }
  if (!proxy_protocol && !admit(fd.get(), peer)) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    stats_.connections_refused.add();
    return;
  }
  stats_.connections.add();
  io::Transport transport(std::move(fd));
  if (!proxy_protocol) return greet(std::move(transport), peer, tls);
  if (!peer.is_unix() && !plan_->trusted().contains(peer)) return client_closed(transport.fd());
  watch(*new ProxyPreface(*this, std::move(transport), peer, tls));
}

void Worker::greet(io::Transport transport, io::Address peer, bool tls) {
  if (!tls) return serve(std::move(transport), peer);
  auto session = plan_->tls() ? plan_->tls()->make_server_session(transport.fd())
                              : fail(Code::kUnavailable, "no certificate");
  if (!session) return client_closed(transport.fd());
  transport.start_tls(*std::move(session));
  watch(*new TlsHandshake(*this, std::move(transport), peer));
}

void Worker::serve(io::Transport transport, io::Address peer) {
  if (transport.alpn() == "h2") {
    const bool trusted = peer.is_unix() || plan_->trusted().contains(peer);
    return serve_h2(std::move(transport), peer.host(), trusted, {});
  }
  auto* connection = new ClientConnection(*this, std::move(transport), peer);
  if (!watch(*connection)) return;
  connection->start();
}

void Worker::serve_h2(io::Transport transport, std::string address, bool trusted,
                      std::string_view first) {
  auto* connection = new H2Connection(*this, std::move(transport), std::move(address), trusted);
  if (!watch(*connection)) return;
  connection->start(first);
}

void Worker::flush_later(Flushed& flushed) {
  if (!to_flush_.linked()) loop_->defer([this] { flush_all(); });
  flushed.insert_before(to_flush_);
}

// Those that ask again while they are flushed wait for the next iteration, behind everybody else.
void Worker::flush_all() {
  io::Link now;
  now.insert_before(to_flush_);
  to_flush_.unlink();
  while (now.linked()) {
    auto* flushed = static_cast<Flushed*>(now.next);
    flushed->unlink();
    flushed->flush();
  }
}

bool Worker::watch(ClientSocket& client) {
  const int fd = client.fd();
  if (!client.watch()) {
    client_closed(fd);
    return false;
  }
  static_cast<ClientEntry&>(client).insert_before(clients_);
  return true;
}

// Whether the guard lets it in; counted then, where connections are.
bool Worker::admit(int fd, const io::Address& peer) {
  const std::uint32_t limit = plan_->snapshot().guard.client_connections;
  if (limit == 0 && guard().bans().empty()) return true;
  const auto client = ClientPrefix::of(peer);
  if (!client || client->is_loopback() || plan_->spared().contains(peer)) return true;
  if (guard().bans().contains(*client, wall_now())) return false;
  if (limit == 0) return true;
  const std::uint64_t who = number_of("connections", client->bytes());
  if (!guard().connections().enter(who, limit)) return false;
  if (seats_.size() <= static_cast<std::size_t>(fd)) seats_.resize(fd + 1);
  seats_[fd] = who;
  return true;
}

void Worker::note_broken(std::string_view client, std::uint16_t status) {
  const control::BanRule& rule = plan_->snapshot().guard.broken;
  if (rule.count == 0) return;
  guard().note(rule, {.client = client, .status = status, .host = {}, .path = {}}, plan_->spared());
}

void Worker::client_closed(int fd) {
  if (static_cast<std::size_t>(fd) < seats_.size() && seats_[fd] != 0) {
    guard().connections().leave(std::exchange(seats_[fd], 0));
  }
  stats_.connections.subtract();
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  if (draining_) stop_if_drained();
}

void Worker::bury(Connection* connection) {
  if (buried_.empty()) loop_->defer([this] { buried_.clear(); });
  buried_.emplace_back(connection);
}

Exchange* Worker::new_exchange() {
  if (free_exchanges_.empty()) {
    exchanges_.push_back(std::make_unique<Exchange>(*this));
    return exchanges_.back().get();
  }
  Exchange* exchange = free_exchanges_.back();
  free_exchanges_.pop_back();
  return exchange;
}

std::string_view Worker::next_request_id() {
  std::uint64_t number = request_number_++;
  char* digit = request_id_ + sizeof request_id_;
  for (int n = 0; n < 11; ++n, number >>= 4) *--digit = kHexDigits[number & 15];
  return {request_id_, sizeof request_id_};
}

// IDs need to be unique, not secret: SplitMix64 from a random start.
std::string_view Worker::next_trace() {
  const std::uint32_t share = plan_->snapshot().trace_per_mille;
  if (share == 0) return {};
  char* digit = trace_;
  const auto put = [&](std::string_view text) { digit += text.copy(digit, text.size()); };
  const auto put_number = [&](std::uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) *digit++ = kHexDigits[number >> shift & 15];
  };
  const auto random = [&] { return stable_bits(trace_random_ += 0x9e3779b97f4a7c15) | 1; };
  const std::uint64_t low = random();
  put("00-");
  put_number(random());
  put_number(low);
  put("-");
  put_number(random());
  put((low >> 1) % 1000 < share ? "-01" : "-00");
  return {trace_, sizeof trace_};
}

// ---- the end

void Worker::drain(Duration patience) {
  loop_->post([this, patience] { begin_drain(patience); });
}

void Worker::begin_drain(Duration patience) {
  if (draining_) return;
  draining_ = true;
  for (auto& listener : listeners_) listener->accept_all();
  listeners_.clear();
  for (io::Link* link = clients_.next; link != &clients_; link = link->next) {
    static_cast<ClientSocket*>(static_cast<ClientEntry*>(link))->drain(kDrainGrace);
  }
  drain_timer_.arm(loop_->now() + patience);
  stop_if_drained();
}

void Worker::stop_if_drained() {
  if (stats_.connections.value() > 0) return;
  access_log_.flush();
  loop_->stop();
}

void Worker::close_all() {
  listeners_.clear();
  while (clients_.linked()) {
    static_cast<ClientSocket*>(static_cast<ClientEntry*>(clients_.next))->cut_off();
  }
  if (draining_) loop_->stop();
  access_log_.flush();
}

}  // namespace fairlead::edge
