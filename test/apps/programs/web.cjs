// The same by require, with the functions taken out of the module.
const { createServer, get } = require('http');
const { connect, createServer: createNetServer, Socket } = require('node:net');

const web = createServer((request, response) => response.end(`page ${request.url}`));
web.listen(0, '127.0.0.1', () => {
  get({ host: '127.0.0.1', port: web.address().port, path: '/a', agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (page) => console.log(response.statusCode, page));
    response.on('end', () => web.close(() => console.log('web closed')));
  });
});
web.on('close', () => {
  const echo = createNetServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  echo.listen({ port: 0, host: '127.0.0.1' }, () => {
    const socket = connect(echo.address().port, '127.0.0.1', () => socket.end('hello'));
    socket.setEncoding('utf8').on('data', (data) => console.log(data, socket instanceof Socket));
    socket.on('close', (failed) => {
      console.log('closed', failed);
      echo.close();
    });
  });
});
