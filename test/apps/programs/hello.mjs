// A web server.
import http from 'node:http';

const server = http.createServer((request, response) => response.end(`hello ${request.socket.remoteAddress}\n`));
server.listen(80, () => console.log('ready'));
