//! The exchange against our own decoders and books: whoever subscribes, whenever, ends with the
//! true book, whatever the tape.

mod binance;
mod bitfinex;
mod bitmex;
mod bybit;
mod coinbase;
mod coinbase_exchange;
mod follower;
mod kraken;
mod kraken_futures;
mod okx;
mod play;
mod rules;
mod small;
mod tapes;
